// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lifeboat-dev/lifeboat/internal/core/order"
	"github.com/lifeboat-dev/lifeboat/internal/mover/result"
)

const (
	testPassword = "correct-horse-battery"
	testKey      = "a-secret-access-key"
)

// podLike is a folder with what a pod would have.
func podLike(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{order.CacheDir, order.ConfigDir, order.FilesystemDir, order.VolumeDir, order.CredentialsDir, "/password", "/order"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(os.WriteFile(filepath.Join(root, order.PasswordFile), []byte(testPassword+"\n"), 0o600),
		os.WriteFile(filepath.Join(root, order.CredentialsDir, "secretAccessKey"), []byte(testKey), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// moverWith is a real process with an order, and where it will write what it tells the operator.
func moverWith(t *testing.T, root string, o order.Order) (cmd *exec.Cmd, log string) {
	t.Helper()
	text, err := order.Encode(o)
	if err != nil {
		t.Fatal(err)
	}
	file, log := filepath.Join(root, order.File), filepath.Join(root, "log")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "RUN_MOVER="+strings.Join([]string{"do", "--order", file, "--termination-log", log, "--root", root}, " "))
	return cmd, log
}

// told reads what a process told the operator.
func told(t *testing.T, log string) result.Done {
	t.Helper()
	raw, err := os.ReadFile(log)
	if err != nil {
		t.Fatalf("no termination log: %v", err)
	}
	d, err := result.DecodeDone(raw)
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	for _, secret := range []string{testPassword, testKey} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("%q was told", secret)
		}
	}
	return d
}

// carryOut runs a real process with an order, and returns what it told the operator and all that it printed.
func carryOut(t *testing.T, root string, o order.Order) (result.Done, string) {
	t.Helper()
	if o.Repository.S3 == nil && o.Repository.Azure == nil {
		o.Repository.Filesystem = &order.Filesystem{Path: order.FilesystemDir + "/lifeboat"}
	}
	cmd, log := moverWith(t, root, o)
	printed, running := cmd.CombinedOutput()
	d := told(t, log)
	if (running == nil) != (d.Reason == "") {
		t.Errorf("the process ended with %v and told %q", running, d.Reason)
	}
	for _, secret := range []string{testPassword, testKey} {
		if strings.Contains(string(printed), secret) {
			t.Errorf("%q was printed", secret)
		}
	}
	return d, string(printed)
}

func TestMain(m *testing.M) {
	if line := os.Getenv("RUN_MOVER"); line != "" {
		os.Args = append(os.Args[:1], strings.Fields(line)...)
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestOrdersAreCarriedOut(t *testing.T) {
	root := podLike(t)
	d, printed := carryOut(t, root, order.Order{Probe: &order.Probe{}})
	if d.Reason != result.FailureMissing || d.Error == "" {
		t.Fatalf("nothing there: %+v, %s", d, printed)
	}
	d, printed = carryOut(t, root, order.Order{Probe: &order.Probe{Create: true, For: "uid"}})
	if d.Reason != "" || d.UniqueID == "" || !d.Probe.Created {
		t.Fatalf("make: %+v, %s", d, printed)
	}
	at := order.Repository{UniqueID: d.UniqueID}
	if err := os.WriteFile(filepath.Join(root, order.VolumeDir, "photo"), []byte("holiday"), 0o640); err != nil {
		t.Fatal(err)
	}
	v := order.Volume{PointUID: "p", ClaimUID: "c"}
	d, printed = carryOut(t, root, order.Order{Repository: at, Copy: &order.Copy{Volume: v, Claim: "photos", Record: []byte(`{"pointUID":"p","claimUID":"c","claim":"photos","volumes":1}`)}})
	if d.Reason != "" || d.Copy == nil || d.Copy.Digest == "" || d.Copy.Files != 1 {
		t.Fatalf("copy: %+v, %s", d, printed)
	}
	digest := d.Copy.Digest
	d, printed = carryOut(t, root, order.Order{Repository: at, Probe: &order.Probe{Catalogue: true}})
	if d.Probe == nil || d.Probe.Copies != 1 || !strings.Contains(printed, result.RecordMark+`{"version":1,"pointUID":"p"`) {
		t.Fatalf("catalogue: %+v, %s", d, printed)
	}
	if err := os.Remove(filepath.Join(root, order.VolumeDir, "photo")); err != nil {
		t.Fatal(err)
	}
	d, printed = carryOut(t, root, order.Order{Repository: at, Restore: &order.Restore{Volume: v, Digest: digest}})
	text, err := os.ReadFile(filepath.Join(root, order.VolumeDir, "photo"))
	if d.Reason != "" || string(text) != "holiday" || err != nil {
		t.Fatalf("restore: %+v, %q, %v, %s", d, text, err, printed)
	}
	d, _ = carryOut(t, root, order.Order{Repository: at, Verify: &order.Verify{Heal: true}})
	if d.Verify == nil || d.Verify.Copies != 1 || d.Verify.Contents != 0 {
		t.Errorf("verify: %+v", d)
	}
	if d, printed = carryOut(t, root, order.Order{Repository: at, Maintain: &order.Maintain{}}); d.Reason != "" {
		t.Errorf("maintain: %+v, %s", d, printed)
	}
	if d, printed = carryOut(t, root, order.Order{Repository: at, Note: &order.Note{Name: "dossier/p.md", Text: "x"}}); d.Reason != "" {
		t.Errorf("note: %+v, %s", d, printed)
	}
	if d, _ = carryOut(t, root, order.Order{Repository: at, Forget: &order.Forget{PointUID: "p"}}); d.Forgot != 1 {
		t.Errorf("forget: %+v", d)
	}
	if d, _ = carryOut(t, root, order.Order{Repository: at, Restore: &order.Restore{Volume: v, Digest: digest}}); d.Reason != result.FailureNotCopied {
		t.Errorf("restore of what was forgotten: %+v", d)
	}
}

func TestFailuresAreTold(t *testing.T) {
	root := podLike(t)
	nowhere := order.Repository{S3: &order.S3{Endpoint: "127.0.0.1:1", Bucket: "bucket", Insecure: true}}
	if d, _ := carryOut(t, root, order.Order{Repository: nowhere, Probe: &order.Probe{}}); d.Reason != result.FailureRefused {
		t.Errorf("half of the credentials: %+v", d)
	}
	if err := os.WriteFile(filepath.Join(root, order.CredentialsDir, "accessKeyID"), []byte("id"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, printed := carryOut(t, root, order.Order{Repository: nowhere, Probe: &order.Probe{}}); d.Reason != result.FailureUnreachable {
		t.Errorf("nobody answers: %+v, %s", d, printed)
	}
	if err := os.Remove(filepath.Join(root, order.PasswordFile)); err != nil {
		t.Fatal(err)
	}
	if d, _ := carryOut(t, root, order.Order{Probe: &order.Probe{}}); d.Reason != result.FailurePassword {
		t.Errorf("no password: %+v", d)
	}
}

// What libraries say of addresses has the token of an account in it.
func TestTokensInAddressesAreNotTold(t *testing.T) {
	root := podLike(t)
	const token = "sv=2024-11-04&sig=c2VjcmV0LXRva2Vu%3D"
	if err := os.WriteFile(filepath.Join(root, order.CredentialsDir, "sasToken"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	at := order.Repository{Azure: &order.Azure{Account: "account", Container: "container", Domain: "nowhere.invalid"}}
	d, printed := carryOut(t, root, order.Order{Repository: at, Probe: &order.Probe{}})
	if d.Reason != result.FailureUnreachable {
		t.Errorf("%+v, %s", d, printed)
	}
	if strings.Contains(printed, "c2VjcmV0") || strings.Contains(d.Error, "c2VjcmV0") || !strings.Contains(printed, "nowhere.invalid") {
		t.Errorf("it is told: %s, %s", printed, d.Error)
	}
}

// A pod that is told to stop says so, while the store keeps it waiting. Whoever may list processes sees no secret.
func TestWhoIsToldToStopSaysSo(t *testing.T) {
	root := podLike(t)
	if err := os.WriteFile(filepath.Join(root, order.CredentialsDir, "accessKeyID"), []byte("an-access-key-id"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked, done := make(chan struct{}, 1), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-done
	}))
	defer server.Close()
	defer close(done)
	at := order.Repository{S3: &order.S3{Endpoint: strings.TrimPrefix(server.URL, "http://"), Bucket: "bucket", Region: "us-east-1", Insecure: true}}
	cmd, log := moverWith(t, root, order.Order{Repository: at, Probe: &order.Probe{}})
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	for _, file := range []string{"cmdline", "environ"} {
		seen, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), file))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{testPassword, testKey, "an-access-key-id"} {
			if bytes.Contains(seen, []byte(secret)) {
				t.Errorf("%s tells %q", file, secret)
			}
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it ended as if all were well")
	}
	if d := told(t, log); d.Reason != result.FailureInterrupted || d.Error == "" {
		t.Errorf("%+v, %s", d, printed.String())
	}
}
