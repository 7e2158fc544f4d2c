// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manifest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	header = "#mtree v2.0\n# Lifeboat manifest, version 1\n"
	// endMark begins the last line of a complete manifest, and incompleteMark that of any other.
	endMark        = "#end "
	incompleteMark = "#incomplete "
)

// needsEscape are the bytes that ordinary tools take for something else than a part of a name: white space, what is not
// ASCII, what does not print, patterns, comments.
var needsEscape = func() (special [256]bool) {
	for b := range special {
		special[b] = b <= ' ' || b >= 0x7f
	}
	for _, b := range `\*?[#` {
		special[b] = true
	}
	return special
}()

// appendEscaped escapes as vis(3) does with VIS_WHITE, VIS_OCTAL and VIS_GLOB.
func appendEscaped(to []byte, s string) []byte {
	for i := range len(s) {
		switch b := s[i]; {
		case !needsEscape[b]:
			to = append(to, b)
		case b == '\\':
			to = append(to, `\\`...)
		default:
			to = append(to, '\\', '0'+b>>6, '0'+b>>3&7, '0'+b&7)
		}
	}
	return to
}

// appendUnescaped takes the escapes back.
func appendUnescaped(to, s []byte) ([]byte, error) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			to = append(to, s[i])
		case i+1 < len(s) && s[i+1] == '\\':
			to = append(to, '\\')
			i++
		case i+3 < len(s) && s[i+1] >= '0' && s[i+1] <= '3' && isOctal(s[i+2]) && isOctal(s[i+3]):
			to = append(to, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
		default:
			return nil, fmt.Errorf("no escape of a manifest: %q", s[i:min(i+4, len(s))])
		}
	}
	return to, nil
}

func isOctal(b byte) bool { return b >= '0' && b <= '7' }

// appendPath writes the escaped path of an entry.
func (e *entry) appendPath(to []byte) []byte {
	if e.dir == nil {
		return append(to, '.')
	}
	return appendEscaped(append(to, e.dir.path...), e.name)
}

// appendLine writes the line of an entry, with the tag that it shares with other names of the same file; 0 when it has
// none. link is never the last: a backslash at the end of a line continues it.
func (e *entry) appendLine(to []byte, group uint64) []byte {
	to = append(e.appendPath(to), " type="...)
	to = append(to, typeName(e.kind)...)
	to = strconv.AppendUint(append(to, " uid="...), uint64(e.stat.Uid), 10)
	to = strconv.AppendUint(append(to, " gid="...), uint64(e.stat.Gid), 10)
	to = append(to, " mode=0"...)
	if mode := e.stat.Mode & 0o7777; mode != 0 {
		to = strconv.AppendUint(to, uint64(mode), 8)
	}
	switch e.kind {
	case unix.DT_REG:
		to = strconv.AppendUint(append(to, " size="...), e.stat.Size, 10)
	case unix.DT_LNK:
		to = appendEscaped(append(to, " link="...), e.target)
	case unix.DT_CHR, unix.DT_BLK:
		to = fmt.Appendf(to, " device=linux,%d,%d", e.stat.Rdev_major, e.stat.Rdev_minor)
	}
	if group != 0 {
		to = fmt.Appendf(to, " nlink=%d tags=hardlink-%016x", e.stat.Nlink, group)
	}
	if e.dir != nil {
		to = strconv.AppendInt(append(to, " time="...), e.stat.Mtime.Sec, 10)
		to = appendNanoseconds(append(to, '.'), e.stat.Mtime.Nsec)
	}
	if e.kind == unix.DT_REG {
		to = hex.AppendEncode(append(to, " sha256digest="...), e.sum[:])
	}
	to = append(to, e.taken...)
	for _, x := range e.xattrs {
		to = appendEscapedName(append(to, " xattr."...), x.name)
		to = base64.StdEncoding.AppendEncode(append(to, '='), x.value)
	}
	return append(to, '\n')
}

// appendEscapedName escapes the name of an attribute, which must not hold the sign before its value.
func appendEscapedName(to []byte, name string) []byte {
	for i := range len(name) {
		if name[i] == '=' {
			to = append(to, `\075`...)
		} else {
			to = appendEscaped(to, name[i:i+1])
		}
	}
	return to
}

// appendNanoseconds writes nine digits.
func appendNanoseconds(to []byte, n uint32) []byte {
	for unit := uint32(100_000_000); unit > 0; unit /= 10 {
		to = append(to, '0'+byte(n/unit%10))
	}
	return to
}

func typeName(kind uint8) string {
	switch kind {
	case unix.DT_REG:
		return "file"
	case unix.DT_DIR:
		return "dir"
	case unix.DT_LNK:
		return "link"
	case unix.DT_FIFO:
		return "fifo"
	case unix.DT_SOCK:
		return "socket"
	case unix.DT_CHR:
		return "char"
	case unix.DT_BLK:
		return "block"
	default:
		return "unknown"
	}
}
