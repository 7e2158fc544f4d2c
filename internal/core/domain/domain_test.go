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
		{"Ceph block devices", class("rbd.csi.ceph.com", "clusterID", "B9127830", "pool", "p"), "ceph/b9127830"},
		{"Ceph of Rook", class("rook-ceph.cephfs.csi.ceph.com", "clusterID", "rook-ceph", "fsName", "f"), "ceph/rook-ceph"},
		{"Ceph without its cluster", class("rbd.csi.ceph.com"), "ceph"},
		{"a parameter in another case", class("rbd.csi.ceph.com", "clusterid", "x"), "ceph/x"},
		{"a parameter twice", class("rbd.csi.ceph.com", "clusterid", "x", "clusterID", "y"), "ceph"},
		{"a parameter made from the claim", class("rbd.csi.ceph.com", "clusterID", "${pvc.metadata.namespace}"), "ceph"},
		{"NFS", class("nfs.csi.k8s.io", "server", "NAS.example.org.", "share", "/a"), "nas.example.org"},
		{"NFS by address", class("nfs.csi.k8s.io", "server", "192.0.2.7", "share", "/a"), "192.0.2.7"},
		{"NFS without a server", class("nfs.csi.k8s.io"), ""},
		{"NFS inside the cluster", class("nfs.csi.k8s.io", "server", "nfs.storage.svc.cluster.local"), ""},
		{"NFS of a provisioner that does not tell its server", class("cluster.local/nfs-subdir-external-provisioner"), ""},
		{"SMB", class("smb.csi.k8s.io", "source", "//nas.example.org/share"), "nas.example.org"},
		{"SMB written the other way", class("smb.csi.k8s.io", "source", `\\nas.example.org\share`), "nas.example.org"},
		{"an account of Azure", class("file.csi.azure.com", "storageAccount", "vault"), "azure/vault"},
		{"datastores are no identity", class("csi.vsphere.vmware.com", "datastoreurl", "ds:///a"), "vsphere"},
		{"backends are no identity", class("csi.trident.netapp.io", "storagePools", "a:.*"), "trident"},
		{"what a driver was called before", class("kubernetes.io/aws-ebs"), "ebs"},
		{"an identity of odd characters", class("rbd.csi.ceph.com", "clusterID", "a b/c"), "ceph/a_b_c"},
		{"a long identity", class("rbd.csi.ceph.com", "clusterID", long), "ceph/" + long[:mostPart]},
		{"somebody knows better", annotated(class("rbd.csi.ceph.com", "clusterID", "x"), " Amsterdam/Rack-7 "), "amsterdam/rack-7"},
		{"somebody says what cannot be understood", annotated(class("rbd.csi.ceph.com"), "amsterdam/"), ""},
		{"somebody says too much", annotated(class("rbd.csi.ceph.com"), long), ""},
		{"somebody says nothing", annotated(class("rbd.csi.ceph.com"), ""), ""},
	} {
		if got := OfClass(tc.c); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestOfRepository(t *testing.T) {
	s3 := func(endpoint string) api.RepositorySpec {
		return api.RepositorySpec{S3: &api.S3Location{Endpoint: endpoint, Bucket: "vault", Prefix: "team-a/"}}
	}
	rbd := class("rbd.csi.ceph.com", "clusterID", "x")
	for _, tc := range []struct {
		name string
		spec api.RepositorySpec
		on   *Class
		want Domain
	}{
		{"a bucket", s3("S3.eu-central-1.amazonaws.com"), nil, "s3.eu-central-1.amazonaws.com/vault"},
		{"the port of TLS", s3("s3.example.org:443"), nil, "s3.example.org/vault"},
		{"another port of the same server", s3("s3.example.org:9000"), nil, "s3.example.org/vault"},
		{"an address", s3("192.0.2.7:9000"), nil, "192.0.2.7/vault"},
		{"a long address", s3("[2001:DB8::7]:9000"), nil, "2001:db8::7/vault"},
		{"a long address without a port", s3("[2001:db8:0::7]"), nil, "2001:db8::7/vault"},
		{"an address in the form of a longer one", s3("[::ffff:192.0.2.7]"), nil, "192.0.2.7/vault"},
		{"a service of the cluster", s3("minio.storage.svc:9000"), nil, ""},
		{"a service of the cluster, in full", s3("minio.storage.svc.cluster.local"), nil, ""},
		{"a service of the namespace", s3("minio:9000"), nil, ""},
		{"the pod itself", s3("127.0.0.1:9000"), nil, ""},
		{"a bucket of Google", api.RepositorySpec{GCS: &api.GCSLocation{Bucket: "vault"}}, nil, "storage.googleapis.com/vault"},
		{"the same through the protocol of Amazon", s3("storage.googleapis.com"), nil, "storage.googleapis.com/vault"},
		{"a bucket with an odd name", api.RepositorySpec{GCS: &api.GCSLocation{Bucket: "___"}}, nil, "storage.googleapis.com"},
		{"a container", api.RepositorySpec{Azure: &api.AzureLocation{Account: "acme", Container: "vault"}}, nil, "azure/acme/vault"},
		{"a folder", api.RepositorySpec{SFTP: &api.SFTPLocation{Host: "NAS.example.org", Port: 2222, Path: "/a"}}, nil, "nas.example.org"},
		{"a folder on a server by its long address", api.RepositorySpec{SFTP: &api.SFTPLocation{Host: "2001:db8::7"}}, nil, "2001:db8::7"},
		{"a folder of WebDAV", api.RepositorySpec{WebDAV: &api.WebDAVLocation{URL: "https://Dav.example.org:8443/lifeboat"}}, nil, "dav.example.org"},
		{"an address that is none", api.RepositorySpec{WebDAV: &api.WebDAVLocation{URL: "https://%zz/"}}, nil, ""},
		{"a claim", api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: "vault"}}, &rbd, "ceph/x"},
		{"a claim of no class", api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: "vault"}}, nil, ""},
		{"a kind that is not known", api.RepositorySpec{}, &rbd, ""},
		{"somebody knows better", api.RepositorySpec{S3: s3("minio:9000").S3, FailureDomain: "Utrecht"}, nil, "utrecht"},
		{"somebody says what cannot be understood", api.RepositorySpec{S3: s3("s3.example.org").S3, FailureDomain: "utrecht//b"}, nil, ""},
	} {
		if got := OfRepository(tc.spec, tc.on); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestShares(t *testing.T) {
	for _, tc := range []struct {
		a, b Domain
		want bool
	}{
		{"ceph/a", "ceph/a", true},
		{"ceph", "ceph/a", true}, // one of which the cluster is not known may be the other
		{"ceph/a", "ceph/b", false},
		{"ceph/a", "ceph/ab", false},
		{"amsterdam", "amsterdam/rack-7/shelf-2", true},
		{"amsterdam", "amsterdam-2", false},
		{"nas.example.org", "nas.example.org/vault", true}, // volumes, and a bucket, of one server
		{"", "ceph/a", true},
		{"", "", true},
	} {
		if got := Shares(tc.a, tc.b); got != tc.want {
			t.Errorf("%q and %q: %v", tc.a, tc.b, got)
		}
	}
}

func TestApart(t *testing.T) {
	for _, tc := range []struct {
		from []Domain
		d    Domain
		want bool
	}{
		{[]Domain{"ceph/a", "trident"}, "s3.example.org/vault", true},
		{[]Domain{"ceph/a", "trident"}, "trident", false},
		{[]Domain{"ceph/a", ""}, "s3.example.org/vault", false},
		{[]Domain{"ceph/a"}, "", false},
		{nil, "s3.example.org/vault", false},
	} {
		if got := Apart(tc.from, tc.d); got != tc.want {
			t.Errorf("%q from %q: %v", tc.d, tc.from, got)
		}
	}
}
