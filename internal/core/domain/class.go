// SPDX-License-Identifier: Apache-2.0

package domain

import "strings"

// Class is what of a storage class tells where its volumes are.
type Class struct {
	Name        string
	Provisioner string
	Parameters  map[string]string
	Override    *string // of annotation lifeboat.dev/failure-domain; nil without
}

// driver is what is known of a storage driver.
type driver struct {
	root      string   // the domain of everything that it makes; empty where that is the server that a parameter names
	names     []string // its provisioners, old and new. One that begins with a star ends the names of several
	parameter string   // names the storage system; empty where no parameter does
	server    bool     // everything on the server that the parameter names fails with it; without a parameter it may be any
}

// drivers are those of which more is known than the name. A parameter is listed only where two values mean two storage
// systems: pools, datastores and backends of one system have many names, and fail together.
var drivers = []driver{
	{root: "ceph", parameter: "clusterID", names: []string{
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
	{root: "efs", parameter: "fileSystemId", names: []string{"efs.csi.aws.com"}},
	{root: "azure", parameter: "storageAccount", names: []string{"file.csi.azure.com", "blob.csi.azure.com", "kubernetes.io/azure-file"}},
	{root: "azure-disk", names: []string{"disk.csi.azure.com", "kubernetes.io/azure-disk"}},
	{root: "ebs", names: []string{"ebs.csi.aws.com", "kubernetes.io/aws-ebs"}},
	{root: "gce-pd", names: []string{"pd.csi.storage.gke.io", "kubernetes.io/gce-pd"}},
	{root: "cinder", names: []string{"cinder.csi.openstack.org", "kubernetes.io/cinder"}},
	{root: "vsphere", names: []string{"csi.vsphere.vmware.com", "csi.vsphere.volume", "kubernetes.io/vsphere-volume"}},
	{root: "portworx", names: []string{"pxd.portworx.com", "kubernetes.io/portworx-volume"}},
	{root: "trident", names: []string{"csi.trident.netapp.io", "netapp.io/trident"}},
	{root: "longhorn", names: []string{"driver.longhorn.io", "rancher.io/longhorn"}},
	{root: "nodes", names: []string{ // disks of the nodes themselves
		"rancher.io/local-path", "topolvm.io", "topolvm.cybozu.com", "openebs.io/local", "local.csi.openebs.io", "zfs.csi.openebs.io", "kubernetes.io/host-path"}},
}

// OfClass is the failure domain of the volumes of a storage class: what its annotation says, or the storage system that its
// driver and parameters name. The parameters of a driver that is not known are no identity: two classes of it may well lead to
// one storage system.
func OfClass(c Class) Domain {
	if c.Override != nil {
		return Declared(*c.Override)
	}
	return OfDriver(c.Provisioner, c.Parameters)
}

// OfDriver is the failure domain of volumes of a driver, made with parameters.
func OfDriver(name string, parameters map[string]string) Domain {
	d, known := driverOf(name)
	switch identity := parameter(parameters, d.parameter); {
	case !known:
		return of(strings.ReplaceAll(name, "/", ":"))
	case d.server:
		return ofHost(serverOf(identity))
	default:
		return of(d.root, identity)
	}
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
