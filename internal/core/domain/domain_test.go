// SPDX-License-Identifier: Apache-2.0

package domain

import (
	"strings"
	"testing"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

func class(provisioner string, pairs ...string) Class {
	c := Class{Name: "fast", Provisioner: provisioner, Parameters: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		c.Parameters[pairs[i]] = pairs[i+1]
	}
	return c
}

func annotated(c Class, text string) Class {
	c.Override = &text
	return c
}

func TestOfClass(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tc := range []struct {
		name string
		c    Class
		want Domain
	}{
		{"a driver that is not known", class("array-a.csi.lifeboat.test", "pool", "p1"), "array-a.csi.lifeboat.test"},
		{"a driver with a slash in its name", class("example.org/Disks"), "example.org:disks"},
		{"no driver", class(""), ""},
		{"volumes that somebody made by hand", class("kubernetes.io/no-provisioner"), ""},
		{"Ceph block devices", class("rbd.csi.ceph.com", "clusterID", "B9127830-BF1B-4DAA-8A6D-0A9EC3F7C2F1", "pool", "p"), "ceph/b9127830-bf1b-4daa-8a6d-0a9ec3f7c2f1"},
		{"Ceph of Rook, which calls one cluster by many names", class("rook-ceph.cephfs.csi.ceph.com", "clusterID", "rook-ceph", "fsName", "f"), "ceph"},
		{"Ceph without its cluster", class("rbd.csi.ceph.com"), "ceph"},
		{"a parameter in another case", class("csi-powermax.dellemc.com", "symid", "x"), "powermax/x"},
		{"a parameter twice", class("csi-powermax.dellemc.com", "symid", "x", "SYMID", "y"), "powermax"},
		{"a parameter made from the claim", class("csi-powermax.dellemc.com", "SYMID", "${pvc.metadata.namespace}"), "powermax"},
		{"NFS", class("nfs.csi.k8s.io", "server", "NAS.example.org.", "share", "/a"), "nas.example.org"},
		{"NFS by address", class("nfs.csi.k8s.io", "server", "192.0.2.7", "share", "/a"), "192.0.2.7"},
		{"NFS without a server", class("nfs.csi.k8s.io"), ""},
		{"NFS inside the cluster", class("nfs.csi.k8s.io", "server", "nfs.storage.svc.cluster.local"), ""},
		{"NFS of a provisioner that does not tell its server", class("cluster.local/nfs-subdir-external-provisioner"), ""},
		{"SMB", class("smb.csi.k8s.io", "source", "//nas.example.org/share"), "nas.example.org"},
		{"SMB written the other way", class("smb.csi.k8s.io", "source", `\\nas.example.org\share`), "nas.example.org"},
		{"an account of Azure", class("file.csi.azure.com", "storageAccount", "vault"), "azure/vault"},
		{"file systems of one account", class("efs.csi.aws.com", "fileSystemId", "fs-1"), "efs"},
		{"disks of the nodes", class("topolvm.io", "topolvm.io/device-class", "ssd"), "nodes"},
		{"disks of the nodes, through another driver", class("driver.longhorn.io"), "nodes"},
		{"datastores are no identity", class("csi.vsphere.vmware.com", "datastoreurl", "ds:///a"), "vsphere"},
		{"backends are no identity", class("csi.trident.netapp.io", "storagePools", "a:.*"), "trident"},
		{"what a driver was called before", class("kubernetes.io/aws-ebs"), "ebs"},
		{"an identity of odd characters", class("csi-powermax.dellemc.com", "SYMID", "a b/c"), "powermax/a_b_c"},
		{"a long identity", class("csi-powermax.dellemc.com", "SYMID", long), "powermax/" + long[:mostPart]},
		{"somebody knows better", annotated(class("rbd.csi.ceph.com", "clusterID", "x"), " Amsterdam/Rack-7 "), "amsterdam/rack-7"},
		{"somebody says what cannot be understood", annotated(class("rbd.csi.ceph.com"), "amsterdam/"), ""},
		{"somebody says too much", annotated(class("rbd.csi.ceph.com"), long), ""},
		{"somebody says nothing", annotated(class("rbd.csi.ceph.com"), ""), ""},
	} {
		if got := OfClass(tc.c).Domain; got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestOfRepository(t *testing.T) {
	s3 := func(endpoint string) api.RepositorySpec {
		return api.RepositorySpec{S3: &api.S3Location{Endpoint: endpoint, Bucket: "vault", Prefix: "team-a/"}}
	}
	array := OfClass(class("csi-powermax.dellemc.com", "SYMID", "x"))
	for _, tc := range []struct {
		name string
		spec api.RepositorySpec
		on   Place
		want Domain
	}{
		{"a bucket", s3("S3.eu-central-1.amazonaws.com"), Place{}, "s3.eu-central-1.amazonaws.com/vault"},
		{"the port of TLS", s3("s3.example.org:443"), Place{}, "s3.example.org/vault"},
		{"another port of the same server", s3("s3.example.org:9000"), Place{}, "s3.example.org/vault"},
		{"an address", s3("192.0.2.7:9000"), Place{}, "192.0.2.7/vault"},
		{"a long address", s3("[2001:DB8::7]:9000"), Place{}, "2001:db8::7/vault"},
		{"a long address without a port", s3("[2001:db8:0::7]"), Place{}, "2001:db8::7/vault"},
		{"an address in the form of a longer one", s3("[::ffff:192.0.2.7]"), Place{}, "192.0.2.7/vault"},
		{"a service of the cluster", s3("minio.storage.svc:9000"), Place{}, ""},
		{"a service of the cluster, in full", s3("minio.storage.svc.cluster.local"), Place{}, ""},
		{"a service of the namespace", s3("minio:9000"), Place{}, ""},
		{"the pod itself", s3("127.0.0.1:9000"), Place{}, ""},
		{"a bucket of Google", api.RepositorySpec{GCS: &api.GCSLocation{Bucket: "vault"}}, Place{}, "storage.googleapis.com/vault"},
		{"the same through the protocol of Amazon", s3("storage.googleapis.com"), Place{}, "storage.googleapis.com/vault"},
		{"a bucket with an odd name", api.RepositorySpec{GCS: &api.GCSLocation{Bucket: "___"}}, Place{}, "storage.googleapis.com"},
		{"a container", api.RepositorySpec{Azure: &api.AzureLocation{Account: "acme", Container: "vault"}}, Place{}, "azure/acme/vault"},
		{"a folder", api.RepositorySpec{SFTP: &api.SFTPLocation{Host: "NAS.example.org", Port: 2222, Path: "/a"}}, Place{}, "nas.example.org"},
		{"a folder on a server by its long address", api.RepositorySpec{SFTP: &api.SFTPLocation{Host: "2001:db8::7"}}, Place{}, "2001:db8::7"},
		{"a folder of WebDAV", api.RepositorySpec{WebDAV: &api.WebDAVLocation{URL: "https://Dav.example.org:8443/lifeboat"}}, Place{}, "dav.example.org"},
		{"an address that is none", api.RepositorySpec{WebDAV: &api.WebDAVLocation{URL: "https://%zz/"}}, Place{}, ""},
		{"a claim", api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: "vault"}}, array, "powermax/x"},
		{"a claim of no class", api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: "vault"}}, Place{}, ""},
		{"a claim, of which somebody says more", api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: "vault"}, FailureDomain: "utrecht"}, array, "utrecht"},
		{"a kind that is not known", api.RepositorySpec{}, array, ""},
		{"somebody knows better", api.RepositorySpec{S3: s3("minio:9000").S3, FailureDomain: "Utrecht"}, Place{}, "utrecht"},
		{"somebody says what cannot be understood", api.RepositorySpec{S3: s3("s3.example.org").S3, FailureDomain: "utrecht//b"}, Place{}, ""},
	} {
		if got := OfRepository(tc.spec, tc.on).Domain; got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestOfVolume(t *testing.T) {
	array := class("csi-powermax.dellemc.com", "SYMID", "x")
	ebs := class("kubernetes.io/aws-ebs")
	said := annotated(class("csi-powermax.dellemc.com", "SYMID", "x"), "amsterdam")
	for _, tc := range []struct {
		name   string
		driver string
		c      *Class
		want   Domain
	}{
		{"of its class", "csi-powermax.dellemc.com", &array, "powermax/x"},
		{"of a class of which somebody says more", "csi-powermax.dellemc.com", &said, "amsterdam"},
		{"not there yet", "", &array, "powermax/x"},
		{"of a driver that has another name now", "ebs.csi.aws.com", &ebs, "ebs"},
		{"of a class that is gone", "csi-powermax.dellemc.com", nil, "powermax"},
		{"of a class that was made anew for another driver", "ebs.csi.aws.com", &array, "ebs"},
		{"of a class that was made anew, of which somebody says more", "ebs.csi.aws.com", &said, "ebs"},
		{"of nothing", "", nil, ""},
	} {
		if got := OfVolume(tc.driver, tc.c).Domain; got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func place(domains ...Domain) Place { return Place{Domain: domains[0], Also: domains[1:]} }

func byAdmin(p Place) Place {
	p.Admin = true
	return p
}

func TestShares(t *testing.T) {
	file := &api.FilesystemLocation{Claim: "vault"}
	a, b := annotated(class("csi.trident.netapp.io"), "array-1"), annotated(class("csi.trident.netapp.io"), "array-2")
	array1, array2, trident := OfClass(a), OfClass(b), OfClass(class("csi.trident.netapp.io"))
	nas := OfClass(class("nfs.csi.k8s.io", "server", "nas.example.org"))
	for _, tc := range []struct {
		name        string
		a, b        Place
		want, known bool
	}{
		{"the same", place("ceph/a"), place("ceph/a"), true, true},
		{"one of which the cluster is not known", place("ceph"), place("ceph/a"), true, true},
		{"two clusters", place("ceph/a"), place("ceph/b"), false, false},
		{"two clusters that begin alike", place("ceph/a"), place("ceph/ab"), false, false},
		{"a site, and what is in it", place("amsterdam"), place("amsterdam/rack-7/shelf-2"), true, true},
		{"two sites that begin alike", place("amsterdam"), place("amsterdam-2"), false, false},
		{"volumes, and a bucket, of one server", place("nas.example.org"), place("nas.example.org/vault"), true, true},
		{"one that is not known", place(""), place("ceph/a"), true, false},
		{"none that is known", place(""), place(""), true, false},
		{"one that cannot be understood, and is the same", place("", "ceph"), place("ceph/a"), true, true},
		{"classes that an admin tells apart", array1, array2, false, false},
		{"classes that an admin says are one", byAdmin(place("amsterdam", "ebs")), byAdmin(place("amsterdam/rack-7", "ceph")), true, true},
		{"a class that an admin speaks of, and one that nobody does", array1, trident, true, true},
		{"a class that an admin speaks of, and another driver", array1, place("ebs"), false, false},
		{"what an admin says that cannot be understood", byAdmin(place("", "trident")), array2, true, true},
		{"a repository on the volumes' array, whatever it says", OfRepository(api.RepositorySpec{Filesystem: file, FailureDomain: "utrecht"}, trident), trident, true, true},
		{"the same, where the admin speaks of one class", OfRepository(api.RepositorySpec{Filesystem: file, FailureDomain: "utrecht"}, trident), array1, true, true},
		{"the same, on a class of which the admin speaks", OfRepository(api.RepositorySpec{Filesystem: file, FailureDomain: "utrecht"}, array1), array1, true, true},
		{"a repository on a class that the admin tells apart", OfRepository(api.RepositorySpec{Filesystem: file}, array2), array1, false, false},
		{"a repository on the volumes' server, whatever it says", OfRepository(api.RepositorySpec{SFTP: &api.SFTPLocation{Host: "NAS.example.org"}, FailureDomain: "utrecht"}, Place{}), nas, true, true},
		{"a service of the cluster that says where it is", OfRepository(api.RepositorySpec{S3: &api.S3Location{Endpoint: "minio", Bucket: "vault"}, FailureDomain: "utrecht"}, Place{}), nas, false, false},
		{"a service of the cluster that does not", OfRepository(api.RepositorySpec{S3: &api.S3Location{Endpoint: "minio", Bucket: "vault"}}, Place{}), nas, true, false},
		{"a repository that says that it is where the volumes are", OfRepository(api.RepositorySpec{S3: &api.S3Location{Endpoint: "s3.example.org", Bucket: "vault"}, FailureDomain: "array-1"}, Place{}), array1, true, true},
	} {
		if got := Shares(tc.a, tc.b); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
		if got := Known(tc.a, tc.b); got != tc.known {
			t.Errorf("%s: known to be the same: %v", tc.name, got)
		}
	}
}

func TestApart(t *testing.T) {
	bucket := place("s3.example.org/vault")
	for _, tc := range []struct {
		from []Place
		p    Place
		want bool
	}{
		{[]Place{place("ceph/a"), place("trident")}, bucket, true},
		{[]Place{place("ceph/a"), place("trident")}, place("trident"), false},
		{[]Place{place("ceph/a"), place("")}, bucket, false},
		{[]Place{place("ceph/a")}, place(""), false},
		{nil, bucket, false},
	} {
		if got := Apart(tc.from, tc.p); got != tc.want {
			t.Errorf("%v from %v: %v", tc.p, tc.from, got)
		}
	}
}
