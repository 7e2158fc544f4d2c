// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Repository is where copies of recovery points live, outside the storage system that they protect from. What is in it is
// always encrypted.
//
// A repository is made where nothing is yet, or adopted by naming its uniqueID. It is never made over one that exists, and its
// ID is pinned: another bucket, prefix or password behind the same name is refused. Deleting a Repository deletes nothing of
// what it holds.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=repo,categories=lifeboat
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="True when copies can be made in it, and brought back from it."
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Reachable",type=string,JSONPath=`.status.conditions[?(@.type=="Reachable")].status`,description="True while the last probe could open it."
// +kubebuilder:printcolumn:name="Verified",type=string,JSONPath=`.status.conditions[?(@.type=="Verified")].status`,description="True while every byte was read back within spec.verifyWithin, and no damage is known."
// +kubebuilder:printcolumn:name="Immutable",type=string,JSONPath=`.status.conditions[?(@.type=="Immutable")].status`,description="True when a probe found that what is written cannot be deleted."
// +kubebuilder:printcolumn:name="Copies",type=integer,JSONPath=`.status.copies`
// +kubebuilder:printcolumn:name="Bytes",type=integer,JSONPath=`.status.bytes`,description="What the repository takes, compressed, encrypted, and each content once."
// +kubebuilder:printcolumn:name="Location",type=string,priority=1,JSONPath=`.status.location`
// +kubebuilder:printcolumn:name="Domain",type=string,priority=1,JSONPath=`.status.failureDomain`,description="What it fails together with."
// +kubebuilder:printcolumn:name="Verified at",type=date,priority=1,JSONPath=`.status.lastVerified`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="metadata.name must be at most 63 characters, because it is used as a label value; choose a shorter name"
type Repository struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says where the repository is.
	// +required
	Spec RepositorySpec `json:"spec"`

	// status is what was observed. Only Lifeboat writes it.
	// +optional
	Status RepositoryStatus `json:"status,omitempty,omitzero"`
}

// RepositoryList is a list of Repository.
//
// +kubebuilder:object:root=true
type RepositoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Repository `json:"items"`
}

// RepositorySpec says where a repository is, and what is promised of it.
//
// +kubebuilder:validation:XValidation:rule="[has(self.s3), has(self.gcs), has(self.azure), has(self.sftp), has(self.webdav), has(self.filesystem)].filter(given, given).size() == 1",message="exactly one of s3, gcs, azure, sftp, webdav and filesystem must be set; keep one and remove the others"
// +kubebuilder:validation:XValidation:rule="has(self.s3) == has(oldSelf.s3) && has(self.gcs) == has(oldSelf.gcs) && has(self.azure) == has(oldSelf.azure) && has(self.sftp) == has(oldSelf.sftp) && has(self.webdav) == has(oldSelf.webdav) && has(self.filesystem) == has(oldSelf.filesystem)",message="the kind of a repository is immutable; create another Repository instead"
// +kubebuilder:validation:XValidation:rule="!has(self.objectLock) || has(self.s3)",fieldPath=".objectLock",message="objectLock needs s3: no other kind of repository can be asked to refuse deletions; remove it"
type RepositorySpec struct {
	// s3 is a bucket of Amazon S3, or of any store that speaks its protocol. When absent, another kind is set.
	// +optional
	S3 *S3Location `json:"s3,omitempty"`
	// gcs is a bucket of Google Cloud Storage. When absent, another kind is set.
	// +optional
	GCS *GCSLocation `json:"gcs,omitempty"`
	// azure is a container of Azure Blob Storage. When absent, another kind is set.
	// +optional
	Azure *AzureLocation `json:"azure,omitempty"`
	// sftp is a folder on an SSH server. When absent, another kind is set.
	// +optional
	SFTP *SFTPLocation `json:"sftp,omitempty"`
	// webdav is a folder on a WebDAV server. When absent, another kind is set.
	// +optional
	WebDAV *WebDAVLocation `json:"webdav,omitempty"`
	// filesystem is a folder on a claim of this namespace. When absent, another kind is set.
	// +optional
	Filesystem *FilesystemLocation `json:"filesystem,omitempty"`

	// password is the Secret of this namespace whose key password encrypts the repository. Without it nothing can be read back:
	// keep a copy of it outside of the cluster.
	// When absent, a Secret named NAME-repository-password with a random password is created once. It is never replaced.
	// +optional
	Password *SecretReference `json:"password,omitempty"`

	// uniqueID adopts the repository of this ID, and no other. When absent, a new repository is made, once, and only where there
	// is none; its ID is then in status.uniqueID.
	// +optional
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	UniqueID string `json:"uniqueID,omitempty"`

	// import makes RecoveryPoints of this namespace of what the repository holds and this cluster does not know, whichever
	// cluster captured it: whoever holds its credentials and password may. The repository must exist. When absent it is not done.
	// +optional
	Import bool `json:"import,omitempty"`

	// failureDomain is what the repository fails together with, as ROOT or ROOT/PART, such as amsterdam or amsterdam/rack-7. It
	// is compared with the failure domains of storage classes, and moves nothing: what follows from the endpoint, or from the
	// storage class of the claim, counts besides.
	// When absent it is made of the endpoint and the bucket, or for a file system is that of its claim's storage class.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9._:]*[A-Za-z0-9])?(/[A-Za-z0-9]([-A-Za-z0-9._:]*[A-Za-z0-9])?)*$`
	FailureDomain string `json:"failureDomain,omitempty"`

	// objectLock has the bucket refuse to delete what was written, for a time. It is probed, not believed. When absent, nothing is
	// promised, and whoever holds the credentials can delete.
	// +optional
	ObjectLock *ObjectLock `json:"objectLock,omitempty"`

	// verifyWithin is within which time every byte is read back, between 1h and 8760h. When absent it is 720h, 30 days.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="verifyWithin must be a duration such as 24h or 720h"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('1h') && duration(self) <= duration('8760h'))",message="verifyWithin must be between 1h and 8760h"
	VerifyWithin *metav1.Duration `json:"verifyWithin,omitempty"`

	// probeEvery is how often it is looked whether the repository can be opened, between 1m and 24h. When absent it is 15m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="probeEvery must be a duration such as 5m or 1h"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('1m') && duration(self) <= duration('24h'))",message="probeEvery must be between 1m and 24h"
	ProbeEvery *metav1.Duration `json:"probeEvery,omitempty"`

	// limits bound what Lifeboat asks of the repository. When absent, two copies are made at a time, as fast as they go.
	// +optional
	Limits *RepositoryLimits `json:"limits,omitempty"`

	// mover are the options of the pods that probe, verify and maintain the repository. When absent they run as user 65532.
	// +optional
	Mover *MoverOptions `json:"mover,omitempty"`
}

// SecretReference names a Secret of the same namespace.
type SecretReference struct {
	// name is the Secret's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// S3Location is a bucket that speaks the protocol of Amazon S3.
//
// +kubebuilder:validation:XValidation:rule="has(self.credentials) != (has(self.workloadIdentity) && self.workloadIdentity)",message="exactly one of credentials and workloadIdentity: true must be set; name a Secret in credentials"
// +kubebuilder:validation:XValidation:rule="self.bucket == oldSelf.bucket && has(self.prefix) == has(oldSelf.prefix) && (!has(self.prefix) || self.prefix == oldSelf.prefix)",message="bucket and prefix are immutable; create another Repository instead"
type S3Location struct {
	// endpoint is the server, as HOST or HOST:PORT, without a scheme, such as s3.eu-central-1.amazonaws.com.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?$`
	// +kubebuilder:validation:XValidation:rule="!self.lowerAscii().matches('^[[]?(169[.]254[.]|fe80:|fd00:ec2:|::ffff:|metadata[.]google[.])')",message="endpoint must not be a link-local or metadata address"
	Endpoint string `json:"endpoint"`
	// bucket is the bucket's name. It must exist.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9][-a-z0-9.]*[a-z0-9]$`
	Bucket string `json:"bucket"`
	// prefix is put before the name of every object, such as team-a/. When absent, the repository takes the whole bucket.
	// +optional
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*/$`
	Prefix string `json:"prefix,omitempty"`
	// region is the bucket's region. When absent the server is asked.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Region string `json:"region,omitempty"`
	// credentials is the Secret with the keys accessKeyID and secretAccessKey, and sessionToken if there is one.
	// When absent, workloadIdentity must be true: empty credentials never fall back to anybody's identity.
	// +optional
	Credentials *SecretReference `json:"credentials,omitempty"`
	// workloadIdentity uses the identity that the environment of the pod gives it. It needs the annotation
	// lifeboat.dev/allow-workload-identity: "true" on the namespace. When absent, credentials are used.
	// +optional
	WorkloadIdentity bool `json:"workloadIdentity,omitempty"`
	// caBundle is the Secret whose key ca.crt has the PEM certificates that the server's is verified with. When absent, those that
	// browsers trust.
	// +optional
	CABundle *SecretReference `json:"caBundle,omitempty"`
	// insecure speaks HTTP without TLS. It needs the annotation lifeboat.dev/allow-insecure-repositories: "true" on the namespace.
	// When absent TLS is used, and its certificate verified.
	// +optional
	Insecure bool `json:"insecure,omitempty"`
}

// GCSLocation is a bucket of Google Cloud Storage.
//
// +kubebuilder:validation:XValidation:rule="has(self.credentials) != (has(self.workloadIdentity) && self.workloadIdentity)",message="exactly one of credentials and workloadIdentity: true must be set; name a Secret in credentials"
// +kubebuilder:validation:XValidation:rule="self.bucket == oldSelf.bucket && has(self.prefix) == has(oldSelf.prefix) && (!has(self.prefix) || self.prefix == oldSelf.prefix)",message="bucket and prefix are immutable; create another Repository instead"
type GCSLocation struct {
	// bucket is the bucket's name. It must exist.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=222
	Bucket string `json:"bucket"`
	// prefix is put before the name of every object. When absent, the repository takes the whole bucket.
	// +optional
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*/$`
	Prefix string `json:"prefix,omitempty"`
	// credentials is the Secret whose key credentials.json has a service account's key. When absent, workloadIdentity must be true.
	// +optional
	Credentials *SecretReference `json:"credentials,omitempty"`
	// workloadIdentity uses the identity that the environment of the pod gives it. It needs the annotation
	// lifeboat.dev/allow-workload-identity: "true" on the namespace. When absent, credentials are used.
	// +optional
	WorkloadIdentity bool `json:"workloadIdentity,omitempty"`
}

// AzureLocation is a container of Azure Blob Storage.
//
// +kubebuilder:validation:XValidation:rule="self.account == oldSelf.account && self.container == oldSelf.container && has(self.prefix) == has(oldSelf.prefix) && (!has(self.prefix) || self.prefix == oldSelf.prefix)",message="account, container and prefix are immutable; create another Repository instead"
type AzureLocation struct {
	// account is the storage account's name.
	// +required
	// +kubebuilder:validation:Pattern=`^[a-z0-9]{3,24}$`
	Account string `json:"account"`
	// container is the container's name. It must exist.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=63
	Container string `json:"container"`
	// prefix is put before the name of every object. When absent, the repository takes the whole container.
	// +optional
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*/$`
	Prefix string `json:"prefix,omitempty"`
	// domain is the DNS domain of the service. When absent it is blob.core.windows.net.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self.matches('[A-Za-z]$')",message="domain must be the name of a DNS domain, which ends with a letter, such as blob.core.windows.net"
	Domain string `json:"domain,omitempty"`
	// credentials is the Secret with the key storageKey or sasToken.
	// +required
	Credentials SecretReference `json:"credentials"`
}

// SFTPLocation is a folder on an SSH server.
//
// +kubebuilder:validation:XValidation:rule="self.path == oldSelf.path",message="path is immutable; create another Repository instead"
type SFTPLocation struct {
	// host is the server's name or address.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9.:]*[A-Za-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="!self.lowerAscii().matches('^(169[.]254[.]|fe80:|fd00:ec2:|::ffff:|metadata[.]google[.])')",message="host must not be a link-local or metadata address"
	Host string `json:"host"`
	// port is the server's port. When absent it is 22.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
	// user is who logs in.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	User string `json:"user"`
	// path is the folder, made when it is not there.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path"`
	// credentials is the Secret with the keys known_hosts, and privateKey or password.
	// +required
	Credentials SecretReference `json:"credentials"`
}

// WebDAVLocation is a folder on a WebDAV server.
//
// +kubebuilder:validation:XValidation:rule="self.url == oldSelf.url",message="url is immutable; create another Repository instead"
type WebDAVLocation struct {
	// url is the folder's address, such as https://dav.example.org/lifeboat. It must exist. http:// needs the annotation
	// lifeboat.dev/allow-insecure-repositories: "true" on the namespace.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^https?://[^@/?#]+(/[^?#]*)?$`
	// +kubebuilder:validation:XValidation:rule="!self.lowerAscii().matches('^https?://[[]?(169[.]254[.]|fe80:|fd00:ec2:|::ffff:|metadata[.]google[.])')",message="url must not lead to a link-local or metadata address"
	URL string `json:"url"`
	// credentials is the Secret with the keys username and password.
	// +required
	Credentials SecretReference `json:"credentials"`
}

// FilesystemLocation is a folder on a claim.
//
// +kubebuilder:validation:XValidation:rule="self.claim == oldSelf.claim && has(self.path) == has(oldSelf.path) && (!has(self.path) || self.path == oldSelf.path)",message="claim and path are immutable; create another Repository instead"
type FilesystemLocation struct {
	// claim is the name of a PersistentVolumeClaim of this namespace that pods may mount for writing.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Claim string `json:"claim"`
	// path is the folder on it, made when it is not there. When absent it is lifeboat.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`
	Path string `json:"path,omitempty"`
}

// ObjectLock has a bucket refuse deletions.
type ObjectLock struct {
	// mode is Governance, which some may override, or Compliance, which nobody may.
	// +required
	// +kubebuilder:validation:Enum=Governance;Compliance
	Mode ObjectLockMode `json:"mode"`
	// period is for how long what was written, or was in use at the last maintenance, cannot be deleted: between 48h and 26280h.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="period must be a duration such as 720h"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('48h') && duration(self) <= duration('26280h'))",message="period must be between 48h and 26280h"
	Period metav1.Duration `json:"period"`
}

// ObjectLockMode says who may override an object lock.
type ObjectLockMode string

const (
	// LockGovernance may be overridden with a special right.
	LockGovernance ObjectLockMode = "Governance"
	// LockCompliance may be overridden by nobody.
	LockCompliance ObjectLockMode = "Compliance"
)

// RepositoryLimits bound what is asked of a repository.
type RepositoryLimits struct {
	// copies is how many are made at a time. When absent it is 2.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Copies int32 `json:"copies,omitempty"`
	// uploadBytesPerSecond bounds what each pod sends. When absent it is not bound.
	// +optional
	// +kubebuilder:validation:Minimum=65536
	UploadBytesPerSecond int64 `json:"uploadBytesPerSecond,omitempty"`
	// downloadBytesPerSecond bounds what each pod receives. When absent it is not bound.
	// +optional
	// +kubebuilder:validation:Minimum=65536
	DownloadBytesPerSecond int64 `json:"downloadBytesPerSecond,omitempty"`
}

// RepositoryStatus is what was observed of a repository.
type RepositoryStatus struct {
	// observedGeneration is the generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions are Ready, Reachable, Verified and, where objectLock is promised, Immutable.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// uniqueID is the pinned ID of the repository. Absent until it was made or adopted.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	UniqueID string `json:"uniqueID,omitempty"`
	// location is where it is, on one line, without credentials.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Location string `json:"location,omitempty"`
	// failureDomain is what it fails together with.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	FailureDomain string `json:"failureDomain,omitempty"`
	// passwordSecret is the name of the Secret with the password.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PasswordSecret string `json:"passwordSecret,omitempty"`
	// copies is how many complete copies of volumes it holds, of whichever cluster, at the last probe.
	// +optional
	Copies int64 `json:"copies"`
	// bytes is what it takes, at the last probe.
	// +optional
	Bytes int64 `json:"bytes"`
	// probe is the last look at it.
	// +optional
	Probe *RepositoryRun `json:"probe,omitempty"`
	// unreachableSince is when the first of the failed probes since the last good one ended. Absent while it can be reached.
	// +optional
	UnreachableSince *metav1.Time `json:"unreachableSince,omitempty"`
	// verification is the last reading back of what it holds.
	// +optional
	Verification *RepositoryRun `json:"verification,omitempty"`
	// lastVerified is when every byte had last been read back. Absent until it was.
	// +optional
	LastVerified *metav1.Time `json:"lastVerified,omitempty"`
	// maintenance is the last tidying up.
	// +optional
	Maintenance *RepositoryRun `json:"maintenance,omitempty"`
	// import is the last look at what it holds for RecoveryPoints to be made of. Absent without spec.import.
	// +optional
	Import *RepositoryRun `json:"import,omitempty"`
	// damage is what a verification found to be unreadable. Absent while no damage is known.
	// +optional
	Damage *RepositoryDamage `json:"damage,omitempty"`
	// imported is how many RecoveryPoints were made of what it holds.
	// +optional
	Imported int32 `json:"imported,omitempty"`
	// skew is how far the clocks of the store and of the cluster were apart at the last probe.
	// +optional
	Skew *metav1.Duration `json:"skew,omitempty"`
}

// RepositoryRun is one run of a pod that looks at a repository.
type RepositoryRun struct {
	// startedAt is when it was begun.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// deadline is when an unfinished run has failed.
	// +required
	Deadline metav1.Time `json:"deadline"`
	// finishedAt is when it ended. Absent while it runs.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// reason is a stable word for how it ended; empty when it ended well. While it runs it says how the one before ended, or what
	// this one waits for.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// message says what is wrong and what helps.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
	// failures is how many runs in a row have failed up to this one.
	// +optional
	Failures int32 `json:"failures,omitempty"`
	// bytes is how much was read, or freed.
	// +optional
	Bytes int64 `json:"bytes,omitempty"`
}

// RepositoryDamage is what a repository cannot give back.
type RepositoryDamage struct {
	// since is when it was found first.
	// +required
	Since metav1.Time `json:"since"`
	// found is when it was found last. What the rest says is from then: copies that were begun since are not meant.
	// +required
	Found metav1.Time `json:"found"`
	// contents is how many pieces of data cannot be read.
	// +required
	Contents int64 `json:"contents"`
	// copies is how many copies of volumes need one of them.
	// +required
	Copies int64 `json:"copies"`
	// healing says that what is damaged was set aside, so that the next copy brings it anew where the source still has it.
	// +optional
	Healing bool `json:"healing,omitempty"`
	// pointCount is how many recovery points have such a copy, of whichever cluster.
	// +optional
	PointCount int64 `json:"pointCount,omitempty"`
	// points are those with the newest copies, as their records name them; at most 50. The others are named once these are healed, or
	// gone.
	// +optional
	// +listType=map
	// +listMapKey=uid
	// +kubebuilder:validation:MaxItems=50
	Points []DamagedPoint `json:"points,omitempty"`
}

// DamagedPoint is a recovery point with a copy that cannot be read back in full. Its names are those in the record of the copy, and
// absent where that cannot be read.
type DamagedPoint struct {
	// uid is that of the point that was copied.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid"`
	// namespace is where it was captured.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Namespace string `json:"namespace,omitempty"`
	// policy is whose it was.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Policy string `json:"policy,omitempty"`
	// name is what it was called.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// CopyTarget is where the points of a policy are copied to.
type CopyTarget struct {
	// name identifies the target within the policy.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// repository is the Repository of this namespace that takes the copies.
	// +required
	Repository RepositoryReference `json:"repository"`
	// cron is at which instants the newest complete point is copied, in the form and the time zone of spec.schedule.
	// When absent every complete point is copied that retention would keep, the newest first.
	// +optional
	// +kubebuilder:validation:MaxLength=120
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') ? self in ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'] : self.split(' ').size() == 5",message="cron must have five fields separated by single spaces (minute hour day-of-month month day-of-week), such as '0 3 * * 1-5', or be one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually"
	Cron string `json:"cron,omitempty"`
	// retention says which copies are kept. When absent it is spec.retention.
	// +optional
	Retention *Retention `json:"retention,omitempty"`
	// fidelity says what becomes of a volume that holds what cannot be carried, which is sockets: Report copies the rest and
	// counts them; Strict has the copy fail. When absent it is Report.
	// +optional
	// +kubebuilder:validation:Enum=Report;Strict
	Fidelity Fidelity `json:"fidelity,omitempty"`
	// timeout is how long a copy of one point may take, between 1m and 168h. When absent it is 24h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$')",message="timeout must be a duration such as 90m or 24h"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{1,6}([.][0-9]{1,3})?(ms|s|m|h))+$') || (duration(self) >= duration('1m') && duration(self) <= duration('168h'))",message="timeout must be between 1m and 168h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// RepositoryReference names a Repository of the same namespace.
type RepositoryReference struct {
	// name is the Repository's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
}

// Fidelity says what becomes of what cannot be carried.
type Fidelity string

const (
	// FidelityReport copies the rest, and lists what is missing.
	FidelityReport Fidelity = "Report"
	// FidelityStrict has the copy fail.
	FidelityStrict Fidelity = "Strict"
)

// CopyState says how far a copy is.
//
// +kubebuilder:validation:Enum=Copying;Complete;Failed;Removing
type CopyState string

const (
	// CopyCopying is under way.
	CopyCopying CopyState = "Copying"
	// CopyComplete is all there, and was verified to be in a repository opened afresh.
	CopyComplete CopyState = "Complete"
	// CopyFailed is not all there. It never counts, and is tried again.
	CopyFailed CopyState = "Failed"
	// CopyRemoving is being removed from the repository.
	CopyRemoving CopyState = "Removing"
)

// CopyRecord is the copy of one recovery point in one repository.
type CopyRecord struct {
	// name is the target's name in the policy; for an imported point it is the repository's.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// repository is the Repository's name.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Repository string `json:"repository"`
	// repositoryID is the unique ID of the repository that was written to: one that is put in its place does not hold the copy.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	RepositoryID string `json:"repositoryID,omitempty"`
	// state says how far it is.
	// +required
	State CopyState `json:"state"`
	// reason is a stable word for what is wrong or awaited.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`
	// message says what is wrong and what helps. No file is named.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
	// attempt counts the runs, from 0. Pods are named by it.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`
	// startedAt is when this run was begun.
	// +required
	StartedAt metav1.Time `json:"startedAt"`
	// deadline is when an unfinished run has failed.
	// +required
	Deadline metav1.Time `json:"deadline"`
	// finishedAt is when this run ended.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// full says that this run reads every byte and relies on nothing that the repository held before, because damage was found there.
	// +optional
	Full bool `json:"full,omitempty"`
	// mover are the options of the pods.
	// +optional
	Mover *MoverOptions `json:"mover,omitempty"`
	// fidelity is what becomes of what cannot be carried.
	// +optional
	Fidelity Fidelity `json:"fidelity,omitempty"`
	// progress tells how far a run is. Absent before its pods report, and once it ended.
	// +optional
	Progress *CopyProgress `json:"progress,omitempty"`
	// volumes are the copied volumes. Only whole ones are listed.
	// +optional
	// +listType=map
	// +listMapKey=claim
	// +kubebuilder:validation:MaxItems=50
	Volumes []CopiedVolume `json:"volumes,omitempty"`
	// bytes is how much was read.
	// +optional
	Bytes int64 `json:"bytes,omitempty"`
	// newBytes is how much of it the repository had to take, compressed.
	// +optional
	NewBytes int64 `json:"newBytes,omitempty"`
	// verifiedAt is when the copy was last found to be all there.
	// +optional
	VerifiedAt *metav1.Time `json:"verifiedAt,omitempty"`
	// cleanedUp says that the throw-away volumes it was read from are gone.
	// +optional
	CleanedUp bool `json:"cleanedUp,omitempty"`
}

// CopyProgress tells how far a copy is.
type CopyProgress struct {
	// bytes is how much was read.
	// +required
	Bytes int64 `json:"bytes"`
	// files is how many files were read.
	// +required
	Files int64 `json:"files"`
	// bytesPerSecond is the rate since the report before.
	// +optional
	BytesPerSecond int64 `json:"bytesPerSecond,omitempty"`
	// totalBytes is about how much there is to read: what the copy before held. Absent when that is not known.
	// +optional
	TotalBytes int64 `json:"totalBytes,omitempty"`
	// timeLeft is how long it will take at this rate. Absent when that is not known.
	// +optional
	TimeLeft *metav1.Duration `json:"timeLeft,omitempty"`
	// at is when it was reported.
	// +required
	At metav1.Time `json:"at"`
}

// CopiedVolume is the copy of one volume.
type CopiedVolume struct {
	// claim is the name of the captured claim.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Claim string `json:"claim"`

	Fingerprint `json:",inline"`

	// mode is the volume mode: Filesystem, or Block. When absent it is Filesystem.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Mode string `json:"mode,omitempty"`
	// accessModes are those of the captured claim, separated by commas. When absent, ReadWriteOnce.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	AccessModes string `json:"accessModes,omitempty"`
	// newBytes is how much the repository had to take, compressed.
	// +optional
	NewBytes int64 `json:"newBytes,omitempty"`
	// lost is how many things could not be carried: sockets.
	// +optional
	Lost int64 `json:"lost,omitempty"`
}

// PointOrigin says where a recovery point that was imported came from.
type PointOrigin struct {
	// repository is the Repository that it was imported from.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Repository string `json:"repository"`
	// repositoryID is its unique ID.
	// +required
	// +kubebuilder:validation:MaxLength=64
	RepositoryID string `json:"repositoryID"`
	// namespace is the namespace in which the point was captured.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`
	// pointName is the name that it had.
	// +required
	// +kubebuilder:validation:MaxLength=253
	PointName string `json:"pointName"`
	// pointUID is the UID that it had: its copies bear it.
	// +required
	// +kubebuilder:validation:MaxLength=64
	PointUID string `json:"pointUID"`
	// importedAt is when it was imported.
	// +required
	ImportedAt metav1.Time `json:"importedAt"`
}

// ReleasedPart is a part of a recovery point that retention lets go while another part is kept.
type ReleasedPart struct {
	// part is snapshots, or copy/NAME.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Part string `json:"part"`
	// at is when it was let go.
	// +required
	At metav1.Time `json:"at"`
}

// NodePlacement says where pods run. It is bound by what the cluster allows the namespace.
type NodePlacement struct {
	// nodeSelector selects nodes by label. When absent, any.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// tolerations are the taints that are borne. When absent, none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
}
