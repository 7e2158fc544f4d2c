// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

// source is a Go file, by its path below the module's root.
type source struct{ path, text string }

// rule is a kind of violation.
type rule string

const (
	unreadable rule = "unreadable"
	noRoom     rule = "no room"
	direction  rule = "import of ours"
	library    rule = "import of others"
	name       rule = "forbidden name"
	goroutine  rule = "goroutine in the core"
	emptyName  rule = "empty name"
	length     rule = "function too long"
	linked     rule = "linked library"
	dotImport  rule = "dot import"
)

type violation struct {
	rule  rule
	where string // path:line
	what  string
}

func (v violation) String() string { return fmt.Sprintf("%s: %s: %s", v.where, v.rule, v.what) }

// check returns what is wrong with the files of a module.
func check(module string, sources []source) []violation {
	var all []violation
	links := map[string][]string{} // by folder: what its shipped files import, ours as folders
	for _, s := range sources {
		f := file{path: s.path, module: module, set: token.NewFileSet()}
		var err error
		if f.syntax, err = parser.ParseFile(f.set, s.path, s.text, parser.ParseComments); err != nil {
			all = append(all, violation{unreadable, s.path, err.Error()})
			continue
		}
		f.check()
		all = append(all, f.found...)
		if !f.isTest() {
			links[path.Dir(s.path)] = append(links[path.Dir(s.path)], f.imports()...)
		}
	}
	return append(all, checkLinks(links)...)
}

// checkLinks follows imports from each folder to the libraries it must not link.
func checkLinks(links map[string][]string) []violation {
	var all []violation
	for top, libraries := range heavy {
		seen, queue := map[string]bool{}, []string{}
		add := func(folder string) {
			if !seen[folder] {
				seen[folder] = true
				queue = append(queue, folder)
			}
		}
		for folder := range links {
			if within(folder, top) {
				add(folder)
			}
		}
		for ; len(queue) > 0; queue = queue[1:] {
			for _, imported := range links[queue[0]] {
				if withinAny(imported, libraries) && !withinAny(imported, light) {
					all = append(all, violation{linked, top, queue[0] + " imports " + imported})
				}
				add(imported)
			}
		}
	}
	return all
}

// file is a file under examination.
type file struct {
	path, module string
	set          *token.FileSet
	syntax       *ast.File
	room         room
	found        []violation
}

func (f *file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

func (f *file) report(r rule, at ast.Node, format string, args ...any) {
	where := fmt.Sprintf("%s:%d", f.path, f.set.Position(at.Pos()).Line)
	f.found = append(f.found, violation{r, where, fmt.Sprintf(format, args...)})
}

func (f *file) check() {
	f.checkEmptyNames()
	r, known := roomOf(path.Dir(f.path))
	if !known {
		f.report(noRoom, f.syntax.Name, "the folder %s is no room; see ARCHITECTURE.md", path.Dir(f.path))
		return
	}
	f.room = r
	for _, spec := range f.syntax.Imports {
		f.checkImport(spec)
	}
	if f.isTest() {
		return // tests may look at clocks, files and whatever else they need
	}
	f.checkNames()
	if !ast.IsGenerated(f.syntax) {
		f.checkLengths()
	}
}

func (f *file) checkEmptyNames() {
	for _, word := range append(strings.Split(path.Dir(f.path), "/"), strings.TrimSuffix(f.syntax.Name.Name, "_test")) {
		if slices.Contains(emptyNames, word) {
			f.report(emptyName, f.syntax.Name, "%q says nothing; name the package after what it is for", word)
			return
		}
	}
}

// imported returns the path of an import, and whether it is ours; ours are given as folders.
func (f *file) imported(spec *ast.ImportSpec) (string, bool) {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value, false
	}
	if p == f.module {
		return ".", true
	}
	folder, ours := strings.CutPrefix(p, f.module+"/")
	return folder, ours
}

func (f *file) imports() []string {
	var all []string
	for _, spec := range f.syntax.Imports {
		p, _ := f.imported(spec)
		all = append(all, p)
	}
	return all
}

func (f *file) checkImport(spec *ast.ImportSpec) {
	if spec.Name != nil && spec.Name.Name == "." {
		f.report(dotImport, spec, "names must show where they come from")
	}
	p, ours := f.imported(spec)
	if ours {
		allowed := withinAny(p, f.room.ours) && !withinAny(p, testRooms(f.room))
		if f.isTest() {
			allowed = allowed || withinAny(p, forTests) || within(p, f.room.folder)
		}
		if !allowed && p != path.Dir(f.path) {
			f.report(direction, spec, "%s must not import %s", f.room.folder, p)
		}
		return
	}
	if !f.isTest() && f.room.others != nil && !listed(p, f.room.others) {
		f.report(library, spec, "%s must not import %s; it is not on its list", f.room.folder, p)
	}
}

// testRooms are the rooms that a room must not import although they lie in a folder that it may import.
func testRooms(r room) []string {
	if slices.Contains(r.ours, "internal") { // itself a room of tests, or not shipped
		return nil
	}
	return forTests
}

// checkNames refuses forbidden names, and goroutines where results may depend on arguments alone.
func (f *file) checkNames() {
	packages := map[string]string{} // by the name that this file uses
	for _, spec := range f.syntax.Imports {
		p, _ := f.imported(spec)
		local := path.Base(p)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		packages[local] = p
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			// An identifier with an object is declared in this file, and hides the package.
			if x, ok := n.X.(*ast.Ident); ok && x.Obj == nil {
				f.checkName(n, packages[x.Name], n.Sel.Name)
			}
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && f.room.pure && s.Sel.Name == "Local" && len(n.Args) == 0 {
				f.report(name, n, "Local() depends on the machine; name a zone")
			}
		case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			if f.room.pure {
				f.report(goroutine, n, "decisions are made in one go")
			}
		}
		return true
	})
}

func (f *file) checkName(at ast.Node, pkg, used string) {
	for _, rule := range forbiddenNames {
		if rule.in(f.room) && slices.Contains(rule.names[pkg], used) {
			f.report(name, at, "%s.%s: %s", pkg, used, rule.why)
		}
	}
}

// checkLengths measures functions from their first line to their last, also those that variables hold.
func (f *file) checkLengths() {
	measure := func(n ast.Node, called string) {
		lines := f.set.Position(n.End()).Line - f.set.Position(n.Pos()).Line + 1
		if f.room.longest > 0 && lines > f.room.longest {
			f.report(length, n, "%s has %d lines; %d is the most in %s", called, lines, f.room.longest, f.room.folder)
		}
	}
	for _, decl := range f.syntax.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			measure(fn, fn.Name.Name)
			continue
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if fn, ok := n.(*ast.FuncLit); ok {
				measure(fn, "a function literal")
			}
			return true
		})
	}
}
