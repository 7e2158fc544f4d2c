// SPDX-License-Identifier: Apache-2.0

// Package schema admits objects by the definitions in config/crd as an API server does, within the process: it drops what
// it does not know, fills in defaults, and has the types and the rules speak. It also makes mutations of objects from the
// same definitions, so that a field which is added tomorrow is mutated tomorrow.
package schema

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// Definition is a kind with the rules that its objects obey.
type Definition struct {
	Kind  string
	Shape *structural.Structural

	types validation.SchemaValidator
	rules *cel.Validator
}

// Load reads the definitions below the root of the repository, by kind.
func Load(root string) (map[string]*Definition, error) {
	files, err := filepath.Glob(filepath.Join(root, "config/crd/bases/*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no definitions below %s: %w", root, err)
	}
	out := map[string]*Definition{}
	for _, f := range files {
		d, err := read(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out[d.Kind] = d
	}
	return out, nil
}

func read(file string) (*Definition, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		return nil, err
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil); err != nil {
		return nil, err
	}
	shape, err := structural.NewStructural(&props)
	if err != nil {
		return nil, err
	}
	types, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return nil, err
	}
	return &Definition{Kind: crd.Spec.Names.Kind, Shape: shape, types: types,
		rules: cel.NewValidator(shape, true, celconfig.PerCallLimit)}, nil
}

// Admit is what becomes of an object that is created, or what is said against it. Unknown fields are refused, as kubectl
// has the API server do.
func (d *Definition) Admit(object map[string]any) (map[string]any, field.ErrorList) {
	return d.admit(nil, object)
}

// AdmitEdit is the same for an object that takes the place of one that was admitted.
func (d *Definition) AdmitEdit(before, object map[string]any) (map[string]any, field.ErrorList) {
	return d.admit(before, object)
}

func (d *Definition) admit(before, object map[string]any) (map[string]any, field.ErrorList) {
	object = runtime.DeepCopyJSON(object)
	var errs field.ErrorList
	for _, unknown := range pruning.PruneWithOptions(object, d.Shape, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		errs = append(errs, field.Invalid(field.NewPath(unknown), nil, "unknown field"))
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object, d.Shape)
	defaulting.Default(object, d.Shape)
	var old any // an interface that holds a nil map is not nil
	if before == nil {
		errs = append(errs, validation.ValidateCustomResource(nil, object, d.types)...)
	} else {
		old = before
		errs = append(errs, validation.ValidateCustomResourceUpdate(nil, object, before, d.types)...)
	}
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, d.Shape, object)...)
	if len(errs) > 0 && misshapen(errs) {
		return object, errs // rules are not asked about what is not of the right shape
	}
	said, _ := d.rules.Validate(context.Background(), nil, d.Shape, object, old, celconfig.RuntimeCELCostBudget)
	return object, append(errs, said...)
}

// misshapen says whether what was said keeps the API server from asking the rules.
func misshapen(errs field.ErrorList) bool {
	for _, e := range errs {
		switch e.Type { //nolint:exhaustive // of all others the rules are asked
		case field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid, field.ErrorTypeNotSupported:
			return true
		}
	}
	return false
}
