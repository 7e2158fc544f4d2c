// SPDX-License-Identifier: Apache-2.0

package domain

import (
	"regexp"
	"strings"
)

// Class is what of a storage class tells where its volumes are.
type Class struct {
	Name        string
	Provisioner string
	Parameters  map[string]string
	Override    *string // of annotation lifeboat.dev/failure-domain; nil without
}

// driver is what is known of a storage driver.
type driver struct {
	root      string         // the domain of everything that it makes; empty where that is the server that a parameter names
	names     []string       // its provisioners, old and new. One that begins with a star ends the names of several
	parameter string         // names the storage system; empty where no parameter does
	form      *regexp.Regexp // of values that name a storage system; nil where all do
	server    bool           // everything on the server that the parameter names fails with it; without a parameter it may be any
}

// fsid is the ID that a Ceph cluster gave itself. Whoever configures a driver may choose others, and Rook makes one for each
// namespace of pools: two of those may well be one cluster.
var fsid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// drivers are those of which more is known than the name. A parameter is listed only where two values mean two storage
// systems: pools, datastores and backends of one system have many names, and fail together, as do all file systems of one account.
var drivers = []driver{
	{root: "ceph", parameter: "clusterID", form: fsid, names: []string{
		"*rbd.csi.ceph.com", "*cephfs.csi.ceph.com", "*nfs.csi.ceph.com", "kubernetes.io/rbd", "kubernetes.io/cephfs"}},
	{parameter: "server", server: true, names: []string{"nfs.csi.k8s.io"}},
	{parameter: "source", server: true, names: []string{"smb.csi.k8s.io"}},
	{server: true, names: []string{"kubernetes.io/no-provisioner", "*nfs-subdir-external-provisioner"}},
	{parameter: "dsm", server: true, names: []string{"csi.san.synology.com"}},
	{root: "powerstore", parameter: "arrayID", names: []string{"csi-powerstore.dellemc.com"}},
	{root: "powermax", parameter: "SYMID", names: []string{"csi-powermax.dellemc.com"}},
	{root: "powerflex", parameter: "systemID", names: []string{"csi-vxflexos.dellemc.com"}},
	{root: "powerscale", parameter: "ClusterName", names: []string{"csi-isilon.dellemc.com"}},
	{root: "unity", parameter: "arrayId", names: []string{"csi-unity.dellemc.com"}},
	{root: "hitachi", parameter: "serialNumber", names: []string{"hspc.csi.hitachi.com"}},
	{root: "azure", parameter: "storageAccount", names: []string{"file.csi.azure.com", "blob.csi.azure.com", "kubernetes.io/azure-file"}},
	{root: "azure-disk", names: []string{"disk.csi.azure.com", "kubernetes.io/azure-disk"}},
	{root: "ebs", names: []string{"ebs.csi.aws.com", "kubernetes.io/aws-ebs"}},
	{root: "efs", names: []string{"efs.csi.aws.com"}},
	{root: "gce-pd", names: []string{"pd.csi.storage.gke.io", "kubernetes.io/gce-pd"}},
	{root: "cinder", names: []string{"cinder.csi.openstack.org", "kubernetes.io/cinder"}},
	{root: "vsphere", names: []string{"csi.vsphere.vmware.com", "csi.vsphere.volume", "kubernetes.io/vsphere-volume"}},
	{root: "portworx", names: []string{"pxd.portworx.com", "kubernetes.io/portworx-volume"}},
	{root: "pure", names: []string{"pure-csi"}},
	{root: "trident", names: []string{"csi.trident.netapp.io", "netapp.io/trident"}},
	{root: "nodes", names: []string{ // disks of the nodes, whichever software shares them out
		"driver.longhorn.io", "rancher.io/longhorn", "linstor.csi.linbit.com", "io.openebs.csi-mayastor", "cstor.csi.openebs.io", "jiva.csi.openebs.io",
		"openebs.io/local", "local.csi.openebs.io", "zfs.csi.openebs.io", "topolvm.io", "topolvm.cybozu.com", "rancher.io/local-path",
		"hostpath.csi.k8s.io", "kubernetes.io/host-path"}},
}

// OfClass is where the volumes of a storage class are: where its annotation says, or on the storage system that its driver and
// parameters name. The parameters of a driver that is not known are no identity: two classes of it may well lead to one storage
// system.
func OfClass(c Class) Place {
	derived := OfDriver(c.Provisioner, c.Parameters)
	if c.Override == nil {
		return Place{Domain: derived}
	}
	return Place{Domain: declared(*c.Override), Also: []Domain{derived}, Admin: true}
}

// OfVolume is where a volume is: where its class says, or where its driver does when there is no class, or one that was made
// anew for another driver since. The driver is empty where the volume is not there yet, or is none of a driver.
func OfVolume(driver string, c *Class) Place {
	if c == nil || (driver != "" && !nested(OfDriver(driver, nil), OfDriver(c.Provisioner, nil))) {
		return Place{Domain: OfDriver(driver, nil)}
	}
	return OfClass(*c)
}

// OfDriver is the failure domain of volumes of a driver, made with parameters.
func OfDriver(name string, parameters map[string]string) Domain {
	switch d, known := driverOf(name); {
	case !known:
		return of(strings.ReplaceAll(name, "/", ":"))
	case d.server:
		return ofHost(serverOf(d.identity(parameters)))
	default:
		return of(d.root, d.identity(parameters))
	}
}

// identity is the name that parameters give the storage system; empty where they give none.
func (d driver) identity(parameters map[string]string) string {
	value := parameter(parameters, d.parameter)
	if d.form != nil && !d.form.MatchString(value) {
		return ""
	}
	return value
}

func driverOf(name string) (driver, bool) {
	name = strings.ToLower(name)
	for _, d := range drivers {
		for _, n := range d.names {
			if end, several := strings.CutPrefix(n, "*"); name == n || (several && strings.HasSuffix(name, end)) {
				return d, true
			}
		}
	}
	return driver{}, false
}

// parameter is the value of a parameter, in whichever case its name is written; empty where it is written twice, or made from
// the claim.
func parameter(all map[string]string, name string) string {
	found, times := "", 0
	for k, v := range all {
		if name != "" && strings.EqualFold(k, name) {
			found, times = strings.TrimSpace(v), times+1
		}
	}
	if times > 1 || strings.Contains(found, "$") {
		return ""
	}
	return found
}

// serverOf is the server in the address of a share, such as //HOST/SHARE or HOST.
func serverOf(address string) string {
	host, _, _ := strings.Cut(strings.TrimLeft(strings.ReplaceAll(address, `\`, "/"), "/"), "/")
	return host
}
