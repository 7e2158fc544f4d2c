// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// All standard mutants of a package are compiled into one program, where the environment says which of them is there. To
// compile one for each would take longer than to run them.

// site is a place in the code with a fault that can be switched on.
type site struct {
	file, function string
	line           int
	was, does      string
}

// key names a site for as long as its function and its text stay; places that are alike are numbered.
func (s site) key(nth int) string {
	key := fmt.Sprintf("%s %s: %s: %s", s.file, s.function, s.does, s.was)
	if nth > 0 {
		key += fmt.Sprintf(" #%d", nth+1)
	}
	return key
}

// runtime is what the faulty code calls. A fault has a number; reached is a file that lists which faults were passed by.
const runtime = `
import (
	mutantOS "os"
	mutantConv "strconv"
	mutantSync "sync"
)

var (
	mutantNumber, _ = mutantConv.Atoi(mutantOS.Getenv("MUTANT"))
	mutantReached   = mutantOS.Getenv("MUTANT_REACHED")
	mutantSeen      mutantSync.Map
)

func mutantOn(id int) bool {
	if mutantReached != "" {
		if _, seen := mutantSeen.LoadOrStore(id, true); !seen {
			f, err := mutantOS.OpenFile(mutantReached, mutantOS.O_APPEND|mutantOS.O_CREATE|mutantOS.O_WRONLY, 0o600)
			if err != nil {
				panic(err)
			}
			defer f.Close()
			if _, err := f.WriteString(mutantConv.Itoa(id) + "\n"); err != nil {
				panic(err)
			}
		}
	}
	return mutantNumber == id
}

func mutantNot(id int, v bool) bool { return v != mutantOn(id) }

func mutantEdge(id int, v bool, equal func() bool) bool {
	if mutantOn(id) {
		return v != equal()
	}
	return v
}

func mutantAnd(id int, a bool, b func() bool) bool {
	if mutantOn(id) {
		return a || b()
	}
	return a && b()
}

func mutantOr(id int, a bool, b func() bool) bool {
	if mutantOn(id) {
		return a && b()
	}
	return a || b()
}

type mutantNumeric interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

func mutantMore[T mutantNumeric](id int, v T) T {
	if mutantOn(id) {
		return v + 1
	}
	return v
}

func mutantLess[T mutantNumeric](id int, v T) T {
	if mutantOn(id) {
		return v - 1
	}
	return v
}

func mutantPlus[T mutantNumeric](id int, a, b T) T {
	if mutantOn(id) {
		return a - b
	}
	return a + b
}

func mutantMinus[T mutantNumeric](id int, a, b T) T {
	if mutantOn(id) {
		return a + b
	}
	return a - b
}
`

// edit is a text to be put in at a place of a file, instead of what is there up to another.
type edit struct {
	at, to int
	text   string
}

// planter derives the standard mutants of one file.
type planter struct {
	fset     *token.FileSet
	info     *types.Info
	own      *types.Package
	file     *ast.File
	name     string
	text     []byte
	function string
	sites    *[]site // of the whole package; a site's number is its place, counted from 1

	open, shut map[int]string // texts to be put in at an offset: those that open there, and those that shut
	cuts       []edit
}

func (p *planter) offset(pos token.Pos) int { return p.fset.Position(pos).Offset }

func (p *planter) source(n ast.Node) string {
	return strings.Join(strings.Fields(string(p.text[p.offset(n.Pos()):p.offset(n.End())])), " ")
}

// number gives a fault at a node its number.
func (p *planter) number(n ast.Node, does string) int {
	*p.sites = append(*p.sites, site{file: p.name, function: p.function, line: p.fset.Position(n.Pos()).Line, was: p.source(n), does: does})
	return len(*p.sites)
}

// wrap puts texts around a node. Nodes are visited from the outside in.
func (p *planter) wrap(n ast.Node, before, after string) {
	from, to := p.offset(n.Pos()), p.offset(n.End())
	p.open[from] += before
	p.shut[to] = after + p.shut[to]
}

// faulty returns the text of the file with its faults.
func (p *planter) faulty() string {
	var out strings.Builder
	slices.SortFunc(p.cuts, func(a, b edit) int { return a.at - b.at })
	at := 0
	put := func(to int) {
		for ; at < to; at++ {
			out.WriteString(p.shut[at])
			out.WriteString(p.open[at])
			out.WriteByte(p.text[at])
		}
	}
	for _, c := range p.cuts {
		put(c.at)
		out.WriteString(p.shut[at])
		out.WriteString(c.text)
		at = c.to
		out.WriteString(p.open[at])
		delete(p.open, at)
		delete(p.shut, at)
	}
	put(len(p.text))
	out.WriteString(p.shut[at])
	return out.String()
}

// plant visits the functions of the file; constants and variables of a package are left alone.
func (p *planter) plant() {
	for _, d := range p.file.Decls {
		f, is := d.(*ast.FuncDecl)
		if !is || f.Body == nil {
			continue
		}
		p.function = f.Name.Name
		if f.Recv != nil {
			p.function = types.ExprString(f.Recv.List[0].Type) + "." + f.Name.Name
		}
		ast.Inspect(f.Body, p.visit)
	}
}

func (p *planter) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok != token.CONST
	case *ast.BlockStmt:
		p.statements(n.List)
	case *ast.CaseClause:
		p.statements(n.Body)
	case *ast.IfStmt:
		p.condition(n.Cond)
	case *ast.ForStmt:
		if n.Cond != nil {
			p.condition(n.Cond)
		}
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					p.condition(e)
				}
			}
		}
	case *ast.ReturnStmt:
		for _, e := range n.Results {
			p.condition(e)
		}
	case *ast.BinaryExpr:
		p.binary(n)
	case *ast.BasicLit:
		p.literal(n)
	}
	return true
}

// variable says whether an expression is computed when the program runs.
func (p *planter) variable(e ast.Expr) bool {
	v, is := p.info.Types[e]
	return is && v.Value == nil
}

// condition negates what is true or false, and is no comparison: those are negated wherever they are.
func (p *planter) condition(e ast.Expr) {
	inner := ast.Unparen(e)
	if b, is := inner.(*ast.BinaryExpr); is && compares(b.Op) {
		return
	} else if is && (b.Op == token.LAND || b.Op == token.LOR) {
		return
	}
	v := p.info.Types[inner]
	if t, is := v.Type.(*types.Basic); !is || t.Info()&types.IsBoolean == 0 {
		return
	}
	p.wrap(e, fmt.Sprintf("mutantNot(%d, ", p.number(e, "negate")), ")")
}

func compares(op token.Token) bool {
	return slices.Contains([]token.Token{token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ}, op)
}

func (p *planter) binary(n *ast.BinaryExpr) {
	if !p.variable(n) {
		return
	}
	between := func(text string) {
		p.cuts = append(p.cuts, edit{p.offset(n.X.End()), p.offset(n.Y.Pos()), text})
	}
	switch n.Op {
	case token.LAND, token.LOR:
		call, does := "mutantAnd", "&& to ||"
		if n.Op == token.LOR {
			call, does = "mutantOr", "|| to &&"
		}
		p.wrap(n, fmt.Sprintf("%s(%d, ", call, p.number(n, does)), " })")
		between(", func() bool { return ")
		p.condition(n.X)
		p.condition(n.Y)
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		p.wrap(n, fmt.Sprintf("mutantNot(%d, ", p.number(n, "negate")), ")")
		if n.Op != token.EQL && n.Op != token.NEQ {
			equal := string(p.text[p.offset(n.X.Pos()):p.offset(n.X.End())]) + " == " + string(p.text[p.offset(n.Y.Pos()):p.offset(n.Y.End())])
			p.wrap(n, fmt.Sprintf("mutantEdge(%d, ", p.number(n, "move the bound")), ", func() bool { return "+equal+" })")
		}
	case token.ADD, token.SUB:
		t := p.written(n)
		if t == "" {
			return
		}
		call, does := "mutantPlus", "+ to -"
		if n.Op == token.SUB {
			call, does = "mutantMinus", "- to +"
		}
		p.wrap(n, fmt.Sprintf("%s[%s](%d, ", call, t, p.number(n, does)), ")")
		between(", ")
	default:
	}
}

// written is the type of a whole number as this file may write it; empty when it cannot.
func (p *planter) written(e ast.Expr) string {
	t := p.info.Types[e].Type
	if b, is := t.Underlying().(*types.Basic); !is || b.Info()&types.IsInteger == 0 || b.Info()&types.IsUntyped != 0 {
		return ""
	}
	named, is := t.(*types.Named)
	switch {
	case !is:
		return t.String()
	case named.Obj().Pkg() == p.own:
		return named.Obj().Name()
	case t.String() == "time.Duration" && slices.ContainsFunc(p.file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"time"` }):
		return "time.Duration"
	}
	return ""
}

func (p *planter) literal(n *ast.BasicLit) {
	if n.Kind != token.INT {
		return
	}
	if t := p.written(n); t != "" {
		p.wrap(n, fmt.Sprintf("mutantMore[%s](%d, ", t, p.number(n, "one more")), ")")
		p.wrap(n, fmt.Sprintf("mutantLess[%s](%d, ", t, p.number(n, "one less")), ")")
	}
}

// statements leaves statements out, one at a time: those that neither declare nor return a value.
func (p *planter) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt:
			if c, is := s.X.(*ast.CallExpr); is && types.ExprString(c.Fun) == "panic" {
				continue
			}
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE || blank(s.Lhs) {
				continue
			}
		case *ast.IncDecStmt:
		case *ast.BranchStmt:
			if s.Tok != token.BREAK && s.Tok != token.CONTINUE {
				continue
			}
		case *ast.ReturnStmt:
			if len(s.Results) > 0 {
				continue
			}
		default:
			continue
		}
		p.wrap(s, fmt.Sprintf("if !mutantOn(%d) { ", p.number(s, "leave out")), " }")
	}
}

func blank(list []ast.Expr) bool {
	return !slices.ContainsFunc(list, func(e ast.Expr) bool { return types.ExprString(e) != "_" })
}

// derive returns the files of a package with all of its standard mutants in them.
func (b bench) derive(ctx context.Context, pkg string) (map[string]string, []site, error) {
	fset := token.NewFileSet()
	paths, err := filepath.Glob(filepath.Join(b.root, pkg, "*.go"))
	if err != nil {
		return nil, nil, err
	}
	var parsed []*ast.File
	var names []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, err
		}
		parsed, names = append(parsed, f), append(names, path)
	}
	if len(parsed) == 0 {
		return nil, nil, fmt.Errorf("%s has no Go files", pkg)
	}
	exports, err := b.exports(ctx, pkg)
	if err != nil {
		return nil, nil, err
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", exports)}
	own, err := config.Check(pkg, fset, parsed, info)
	if err != nil {
		return nil, nil, err
	}
	files := map[string]string{pkg + "/mutant_runtime.go": "package " + own.Name() + "\n" + runtime}
	var sites []site
	for i, f := range parsed {
		text, err := os.ReadFile(names[i])
		if err != nil {
			return nil, nil, err
		}
		p := planter{fset: fset, info: info, own: own, file: f, name: filepath.Base(names[i]), text: text, sites: &sites, open: map[int]string{}, shut: map[int]string{}}
		p.plant()
		files[pkg+"/"+p.name] = p.faulty()
	}
	return files, sites, nil
}

// exports finds what the compiler wrote of each package that one depends on.
func (b bench) exports(ctx context.Context, pkg string) (importer.Lookup, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-export", "-deps", "-json=ImportPath,Export", "./"+pkg)
	cmd.Dir = b.root
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", pkg, err)
	}
	files := map[string]string{}
	for list := json.NewDecoder(strings.NewReader(string(out))); ; {
		var one struct{ ImportPath, Export string }
		if err := list.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		files[one.ImportPath] = one.Export
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }, nil
}
