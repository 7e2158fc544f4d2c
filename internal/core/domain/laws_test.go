// SPDX-License-Identifier: Apache-2.0

package domain

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	api "github.com/lifeboat-dev/lifeboat/api/v1alpha1"
)

// subject is the package, or it with a fault.
type subject struct {
	shares func(a, b Place) bool
	apart  func(from []Place, p Place) bool
	class  func(c Class) Place
	volume func(driver string, c *Class) Place
	vault  func(spec api.RepositorySpec, claim Place) Place
}

var sound = subject{Shares, Apart, OfClass, OfVolume, OfRepository}

// drawn is what laws are held against: two classes, and places that have much in common.
type drawn struct {
	a, b   Place
	part   string
	x, y   Class
	driver string
	odd    string // what somebody may write
}

func draw(t *rapid.T) drawn {
	word := rapid.SampledFrom([]string{"a", "ab", "b", "rack-7"})
	some := rapid.Custom(func(t *rapid.T) Domain { return strings.Join(rapid.SliceOfN(word, 0, 3).Draw(t, "parts"), "/") })
	where := rapid.Custom(func(t *rapid.T) Place {
		return Place{Domain: some.Draw(t, "domain"), Also: rapid.SliceOfN(some, 0, 2).Draw(t, "also"), Admin: rapid.Bool().Draw(t, "admin")}
	})
	name := rapid.SampledFrom([]string{"rbd.csi.ceph.com", "nfs.csi.k8s.io", "array.example.org", "csi.trident.netapp.io", "kubernetes.io/no-provisioner", "csi-powermax.dellemc.com"})
	key := rapid.SampledFrom([]string{"clusterID", "server", "pool", "storagePools", "SYMID"})
	parameters := rapid.MapOf(key, rapid.SampledFrom([]string{"", "one.example.org", "two.example.org", "$x", "b9127830-bf1b-4daa-8a6d-0a9ec3f7c2f1", "00000000-0000-0000-0000-000000000002"}))
	return drawn{
		odd: rapid.StringOfN(rapid.RuneFrom([]rune("aZ0/.-_:[]\\ $é\n")), 0, 200, -1).Draw(t, "odd"),
		a:   where.Draw(t, "a"), b: where.Draw(t, "b"), part: word.Draw(t, "part"), driver: name.Draw(t, "driver"),
		x: Class{Provisioner: name.Draw(t, "x"), Parameters: parameters.Draw(t, "of x")},
		y: Class{Provisioner: name.Draw(t, "y"), Parameters: parameters.Draw(t, "of y")},
	}
}

// file is a repository on a claim, of which its owner says something.
func file(says string) api.RepositorySpec {
	return api.RepositorySpec{Filesystem: &api.FilesystemLocation{Claim: "vault"}, FailureDomain: says}
}

type law struct {
	name  string
	holds func(s subject, d drawn) error
}

var laws = []law{
	{"everything shares with itself", func(s subject, d drawn) error {
		return must(s.shares(d.a, d.a), "%v is apart from itself", d.a)
	}},
	{"sharing goes both ways", func(s subject, d drawn) error {
		return must(s.shares(d.a, d.b) == s.shares(d.b, d.a), "%v and %v", d.a, d.b)
	}},
	{"what is not known shares with everything", func(s subject, d drawn) error {
		none := Place{}
		return must(s.shares(none, d.a) && s.shares(d.a, none) && !s.apart([]Place{d.b}, none) && !s.apart([]Place{d.b, none}, d.a), "%v, %v", d.a, d.b)
	}},
	{"a whole shares with its parts", func(s subject, d drawn) error {
		return must(d.a.Domain == "" || s.shares(d.a, Place{Domain: d.a.Domain + "/" + d.part}), "%v and its part %q", d.a, d.part)
	}},
	{"what is apart from a whole is apart from its parts", func(s subject, d drawn) error {
		whole := Place{Domain: d.b.Domain}
		return must(s.shares(d.a, whole) || !s.shares(d.a, Place{Domain: whole.Domain + "/" + d.part}), "%v and %v, part %q", d.a, whole, d.part)
	}},
	{"different roots are apart", func(s subject, d drawn) error {
		a, b := Place{Domain: "a/" + d.part}, Place{Domain: "b/" + d.part}
		return must(!s.shares(a, b) && s.apart([]Place{a}, b), "%v and %v", a, b)
	}},
	{"more volumes never make a place more independent", func(s subject, d drawn) error {
		one := Place{Domain: d.part}
		return must(s.apart([]Place{one}, d.b) || !s.apart([]Place{one, d.a}, d.b), "%v from %v", d.b, d.a)
	}},
	{"nothing is apart from no volumes", func(s subject, d drawn) error {
		return must(!s.apart(nil, d.a), "%v", d.a)
	}},
	{"knowing more of where a place is never takes it away from where it was known to be", func(s subject, d drawn) error {
		more := d.a
		more.Also = append(slices.Clone(d.a.Also), d.part)
		return must(!s.shares(d.a, d.b) || s.shares(more, d.b), "%v and %v, then %q", d.a, d.b, d.part)
	}},
	{"no owner of a repository takes it away from the volumes it is on", func(s subject, d drawn) error {
		on := s.volume(d.x.Provisioner, &d.x)
		return must(s.shares(s.vault(file(d.part), on), on), "on %v, said to be in %q", on, d.part)
	}},
	{"classes of one driver share unless a parameter names two storage systems, or an admin speaks of both", func(s subject, d drawn) error {
		x, y := d.x, d.y
		x.Provisioner, y.Provisioner = d.driver, d.driver
		is, _ := driverOf(d.driver)
		told := is.identity(x.Parameters) != "" && is.identity(y.Parameters) != ""
		half := x
		half.Override = &d.part
		dark := OfDriver(x.Provisioner, x.Parameters) == "" // there is nothing but what the admin says
		return must(told || s.shares(s.class(x), s.class(y)) && (dark || s.shares(s.class(half), s.class(y))), "%v and %v", x, y)
	}},
	{"a derived domain is empty or canonical", func(s subject, d drawn) error {
		x, y := d.x, d.x
		x.Parameters, y.Override = map[string]string{"clusterID": d.odd, "server": d.odd, "SYMID": d.odd}, &d.odd
		bucket := s.vault(api.RepositorySpec{S3: &api.S3Location{Endpoint: d.odd, Bucket: d.odd}}, Place{})
		return must(canonical(s.class(x).Domain) && canonical(s.class(y).Domain) && canonical(bucket.Domain), "%v of %q", s.class(x), d.odd)
	}},
	{"a class shares with the same class, and with its volumes", func(s subject, d drawn) error {
		return must(s.shares(s.class(d.x), s.class(d.x)) && s.shares(s.class(d.x), s.volume(d.x.Provisioner, &d.x)), "%v", d.x)
	}},
	{"a volume shares with those of its driver when its class is gone", func(s subject, d drawn) error {
		return must(s.shares(s.volume(d.x.Provisioner, nil), s.class(d.x)), "%v", d.x)
	}},
}

// canonical says whether a domain has no empty part, and none in upper case.
func canonical(d Domain) bool {
	return d == "" || (d == strings.ToLower(d) && !strings.HasPrefix(d, "/") && !strings.HasSuffix(d, "/") && !strings.Contains(d, "//") && len(d) <= 512)
}

func must(holds bool, format string, about ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, about...)
}

func TestLaws(t *testing.T) {
	for _, l := range laws {
		t.Run(l.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				if err := l.holds(sound, draw(t)); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestLawsHaveTeeth plants a fault for each law, and sees that it is found.
func TestLawsHaveTeeth(t *testing.T) {
	with := func(plant func(s *subject)) subject {
		s := sound
		plant(&s)
		return s
	}
	sharing := func(f func(a, b Place) bool) subject { return with(func(s *subject) { s.shares = f }) }
	parting := func(f func(from []Place, p Place) bool) subject { return with(func(s *subject) { s.apart = f }) }
	faults := map[string]subject{
		"everything shares with itself": sharing(func(a, b Place) bool { return a.Domain != b.Domain && Shares(a, b) }),
		"sharing goes both ways": sharing(func(a, b Place) bool {
			return a.Domain == "" || b.Domain == "" || a.Domain == b.Domain || strings.HasPrefix(b.Domain, a.Domain+"/")
		}),
		"what is not known shares with everything": parting(func(_ []Place, p Place) bool { return p.Domain != "a" }),
		"a whole shares with its parts":            sharing(func(a, b Place) bool { return a.Domain == "" || b.Domain == "" || a.Domain == b.Domain }),
		"what is apart from a whole is apart from its parts": sharing(func(a, b Place) bool {
			return Shares(a, b) || strings.HasSuffix(a.Domain, "/b") && strings.HasSuffix(b.Domain, "/b") // by the last part
		}),
		"different roots are apart":                        sharing(func(_, _ Place) bool { return true }),
		"more volumes never make a place more independent": parting(func(from []Place, p Place) bool { return Apart(from[len(from)-1:], p) }),
		"nothing is apart from no volumes":                 parting(func(from []Place, p Place) bool { return len(from) == 0 || Apart(from, p) }),
		"knowing more of where a place is never takes it away from where it was known to be": sharing(func(a, b Place) bool {
			return Shares(a, b) && len(a.Also) < 2 // by what was known first
		}),
		"no owner of a repository takes it away from the volumes it is on": with(func(s *subject) {
			s.vault = func(spec api.RepositorySpec, claim Place) Place {
				p := OfRepository(spec, claim)
				p.Also = nil
				return p
			}
		}),
		"classes of one driver share unless a parameter names two storage systems, or an admin speaks of both": with(func(s *subject) {
			s.class = func(c Class) Place {
				p := OfClass(c)
				p.Also = nil
				return p
			}
		}),
		"a derived domain is empty or canonical": with(func(s *subject) {
			s.class = func(c Class) Place {
				if c.Override != nil {
					return Place{Domain: *c.Override}
				}
				return OfClass(c)
			}
		}),
		"a class shares with the same class, and with its volumes": sharing(func(a, b Place) bool { return a.Domain != "ceph" && Shares(a, b) }),
		"a volume shares with those of its driver when its class is gone": with(func(s *subject) {
			s.volume = func(driver string, c *Class) Place {
				if c == nil {
					return Place{Domain: of(strings.ReplaceAll(driver, "/", ":"))} // by its name alone
				}
				return OfVolume(driver, c)
			}
		}),
	}
	for _, l := range laws {
		fault, planted := faults[l.name]
		if !planted {
			t.Errorf("nothing was planted for %q", l.name)
			continue
		}
		found := false
		for seed := range 300 {
			if l.holds(fault, rapid.Custom(draw).Example(seed)) != nil {
				found = true
				break
			}
		}
		if !found {
			t.Errorf("the fault planted for %q was not found", l.name)
		}
	}
}
