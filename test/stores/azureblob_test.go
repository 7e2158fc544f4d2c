// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// blobServer speaks the part of Azure's Blob service that a repository needs, as its REST reference has it: a container is listed, and
// blobs are put, read, asked for and deleted. Whoever asks must have signed it with the account's key, or have a SAS that was.
type blobServer struct {
	account, container string
	key                []byte
	ahead              time.Duration // how far its clock is

	mutex sync.Mutex
	blobs map[string]storedBlob
	pages int // further pages of a list that were asked for
}

type storedBlob struct {
	data     []byte
	metadata map[string]string
	written  time.Time
}

// names are those of all blobs.
func (s *blobServer) names() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Sorted(maps.Keys(s.blobs))
}

// lose loses a blob.
func (s *blobServer) lose(name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.blobs, name)
}

// pageLength is how many blobs a page of a list has: few, so that there are several.
const pageLength = 3

// denial is an answer that says no.
type denial struct {
	status                int
	code, message, detail string
}

var (
	notSigned   = denial{http.StatusForbidden, "AuthenticationFailed", "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.", ""}
	notAllowed  = denial{http.StatusForbidden, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.", ""}
	noContainer = denial{http.StatusNotFound, "ContainerNotFound", "The specified container does not exist.", ""}
	noBlob      = denial{http.StatusNotFound, "BlobNotFound", "The specified blob does not exist.", ""}
	badRange    = denial{http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The range specified is invalid for the current size of the resource.", ""}
	notKnown    = denial{http.StatusBadRequest, "UnsupportedHeader", "One of the HTTP headers specified in the request is not supported.", ""}
)

func (d denial) write(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-ms-error-code", d.code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(d.status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><Error><Code>%s</Code><Message>%s</Message><AuthenticationErrorDetail>%s</AuthenticationErrorDetail></Error>`, d.code, d.message, d.detail)
	}
}

// ServeHTTP serves a request, one at a time.
func (s *blobServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	container, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	lists := r.Method == http.MethodGet && name == "" && q.Get("restype") == "container" && q.Get("comp") == "list"
	permission := map[string]string{http.MethodGet: "r", http.MethodHead: "r", http.MethodPut: "w", http.MethodDelete: "d"}[r.Method]
	if lists {
		permission = "l"
	}
	switch no := s.authorize(r, permission); {
	case no != nil:
		no.write(w, r)
	case r.Header.Get("x-ms-version") == "", q.Has("comp") && !lists, q.Has("versionid"), permission == "":
		notKnown.write(w, r)
	case container != s.container:
		noContainer.write(w, r)
	case lists:
		s.list(w, q)
	case r.Method == http.MethodPut:
		s.put(w, r, name)
	case r.Method == http.MethodDelete:
		s.remove(w, r, name)
	default:
		s.read(w, r, name)
	}
}

// authorize says why a request is refused, if it is.
func (s *blobServer) authorize(r *http.Request, permission string) *denial {
	q := r.URL.Query()
	if r.Header.Get("Authorization") == "" && q.Has("sig") {
		until, err := time.Parse(time.RFC3339, q.Get("se"))
		switch {
		case q.Get("sig") != s.sign(s.signedBySAS(q)), err != nil, time.Now().After(until):
			return &notSigned
		case permission == "" || !strings.Contains(q.Get("sp"), permission):
			return &notAllowed
		}
		return nil
	}
	at, err := time.Parse(http.TimeFormat, r.Header.Get("x-ms-date"))
	if now := time.Now().Add(s.ahead); err == nil && now.Sub(at) > 15*time.Minute {
		late := notSigned
		late.detail = "Request date header too old: '" + r.Header.Get("x-ms-date") + "'"
		return &late
	}
	if err != nil || r.Header.Get("Authorization") != "SharedKey "+s.account+":"+s.sign(s.signedByKey(r)) {
		return &notSigned
	}
	return nil
}

func (s *blobServer) sign(text string) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// signedByKey is what of a request the account's key signs.
func (s *blobServer) signedByKey(r *http.Request) string {
	length := ""
	if r.ContentLength > 0 {
		length = strconv.FormatInt(r.ContentLength, 10)
	}
	h := r.Header
	lines := []string{
		r.Method, h.Get("Content-Encoding"), h.Get("Content-Language"), length, h.Get("Content-MD5"), h.Get("Content-Type"), "",
		h.Get("If-Modified-Since"), h.Get("If-Match"), h.Get("If-None-Match"), h.Get("If-Unmodified-Since"), h.Get("Range"),
	}
	var ours []string
	for name, values := range h {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-ms-") {
			ours = append(ours, name+":"+strings.Join(values, ","))
		}
	}
	slices.Sort(ours)
	lines = append(append(lines, ours...), "/"+s.account+r.URL.EscapedPath())
	q := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(q)) {
		slices.Sort(q[name])
		lines = append(lines, strings.ToLower(name)+":"+strings.Join(q[name], ","))
	}
	return strings.Join(lines, "\n")
}

// signedBySAS is what an account's SAS signs.
func (s *blobServer) signedBySAS(q url.Values) string {
	lines := []string{s.account}
	for _, name := range []string{"sp", "ss", "srt", "st", "se", "sip", "spr", "sv", "ses"} {
		lines = append(lines, q.Get(name))
	}
	return strings.Join(lines, "\n") + "\n"
}

// sas is a SAS for what is permitted, until then.
func (s *blobServer) sas(permissions string, until time.Time) string {
	q := url.Values{
		"sv": {"2022-11-02"}, "ss": {"b"}, "srt": {"co"}, "spr": {"https"}, "sp": {permissions}, "se": {until.UTC().Format(time.RFC3339)},
	}
	q.Set("sig", s.sign(s.signedBySAS(q)))
	return q.Encode()
}

type blobList struct {
	XMLName   xml.Name    `xml:"EnumerationResults"`
	Endpoint  string      `xml:"ServiceEndpoint,attr"`
	Container string      `xml:"ContainerName,attr"`
	Prefix    string      `xml:"Prefix"`
	Marker    string      `xml:"Marker"`
	Blobs     []listEntry `xml:"Blobs>Blob"`
	Next      string      `xml:"NextMarker"`
}

type listEntry struct {
	Name     string   `xml:"Name"`
	Written  string   `xml:"Properties>Last-Modified"`
	ETag     string   `xml:"Properties>Etag"`
	Length   int      `xml:"Properties>Content-Length"`
	Type     string   `xml:"Properties>BlobType"`
	Metadata pairList `xml:"Metadata"`
}

// pairList is written as an element for each pair.
type pairList map[string]string

// MarshalXML writes it.
func (p pairList) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for name, value := range p {
		if err := e.EncodeElement(value, xml.StartElement{Name: xml.Name{Local: name}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

// list answers with a page of the blobs with a prefix, by their names.
func (s *blobServer) list(w http.ResponseWriter, q url.Values) {
	l := blobList{Endpoint: "https://" + s.account, Container: s.container, Prefix: q.Get("prefix"), Marker: q.Get("marker")}
	if l.Marker != "" {
		s.pages++
	}
	for _, name := range slices.Sorted(maps.Keys(s.blobs)) {
		if !strings.HasPrefix(name, l.Prefix) || name < l.Marker {
			continue
		}
		if len(l.Blobs) == pageLength {
			l.Next = name
			break
		}
		b := s.blobs[name]
		e := listEntry{Name: name, Written: b.written.Format(http.TimeFormat), ETag: b.tag(), Length: len(b.data), Type: "BlockBlob"}
		if strings.Contains(q.Get("include"), "metadata") {
			e.Metadata = b.metadata
		}
		l.Blobs = append(l.Blobs, e)
	}
	w.Header().Set("Content-Type", "application/xml")
	_, _ = io.WriteString(w, xml.Header)
	_ = xml.NewEncoder(w).Encode(l)
}

func (b storedBlob) tag() string { return fmt.Sprintf(`"%x"`, b.written.UnixNano()) }

func (b storedBlob) describe(w http.ResponseWriter) {
	w.Header().Set("Last-Modified", b.written.Format(http.TimeFormat))
	w.Header().Set("ETag", b.tag())
	w.Header().Set("x-ms-blob-type", "BlockBlob")
	for name, value := range b.metadata {
		w.Header().Set("x-ms-meta-"+name, value)
	}
}

func (s *blobServer) put(w http.ResponseWriter, r *http.Request, name string) {
	data, err := io.ReadAll(r.Body)
	if err != nil || name == "" || r.Header.Get("x-ms-blob-type") != "BlockBlob" || int64(len(data)) != r.ContentLength {
		notKnown.write(w, r)
		return
	}
	b := storedBlob{data, map[string]string{}, time.Now().UTC()}
	for h := range r.Header {
		if key, is := strings.CutPrefix(h, "X-Ms-Meta-"); is {
			b.metadata[key] = r.Header.Get(h)
		}
	}
	s.blobs[name] = b
	w.Header().Set("Last-Modified", b.written.Format(http.TimeFormat))
	w.Header().Set("ETag", b.tag())
	w.WriteHeader(http.StatusCreated)
}

func (s *blobServer) remove(w http.ResponseWriter, r *http.Request, name string) {
	if _, is := s.blobs[name]; !is {
		noBlob.write(w, r)
		return
	}
	delete(s.blobs, name)
	w.WriteHeader(http.StatusAccepted)
}

// read answers with a blob, with a range of it, or with what is known of it.
func (s *blobServer) read(w http.ResponseWriter, r *http.Request, name string) {
	b, is := s.blobs[name]
	if !is {
		noBlob.write(w, r)
		return
	}
	from, to, status := 0, len(b.data), http.StatusOK
	if text := cmp.Or(r.Header.Get("x-ms-range"), r.Header.Get("Range")); text != "" && r.Method == http.MethodGet {
		first, last, _ := strings.Cut(strings.TrimPrefix(text, "bytes="), "-")
		begin, err := strconv.Atoi(first)
		if err != nil || begin >= len(b.data) {
			badRange.write(w, r)
			return
		}
		from, status = begin, http.StatusPartialContent
		if end, err := strconv.Atoi(last); err == nil {
			to = min(to, end+1)
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(b.data)))
	}
	b.describe(w)
	w.Header().Set("Content-Length", strconv.Itoa(to-from))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		_, _ = w.Write(b.data[from:to])
	}
}
