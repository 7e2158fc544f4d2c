// SPDX-License-Identifier: Apache-2.0

package order

import (
	"strings"
	"testing"
)

func TestAnOrderIsReadAsItWasWritten(t *testing.T) {
	o := Order{Repository: Repository{UniqueID: "u", S3: &S3{Endpoint: "e", Bucket: "b"}}, Forget: &Forget{PointUID: "p"}}
	text, err := Encode(o)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode([]byte(text)); err != nil || got.Forget.PointUID != "p" || got.Repository.S3.Bucket != "b" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{
		"", "{}", strings.Replace(text, `"version":1`, `"version":2`, 1), strings.Replace(text, `"forget"`, `"forgot"`, 1),
		strings.Replace(text, `"forget":{"pointUID":"p"}`, `"forget":{"pointUID":"p"},"maintain":{}`, 1), strings.Replace(text, `"s3"`, `"filesystem":{"path":"/x"},"s3"`, 1),
	} {
		if got, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%s was read as %+v", bad, got)
		}
	}
	if _, err := Encode(Order{Maintain: &Maintain{}}); err == nil {
		t.Error("an order without a repository was written")
	}
}
