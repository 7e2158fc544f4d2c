// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is Lifeboat's vocabulary: what users type and what they read.
// It holds no verbs; deciding lives in internal/core, doing in controllers and internal/apply.
//
// +kubebuilder:object:generate=true
// +groupName=lifeboat.dev
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package="../applyconfiguration"
package v1alpha1
