// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
)

// To compile a program for each mutant takes longer than all else. So those that change one function are put into one: beside
// each function there is a copy with the fault, and the function hands over to the copy that the environment names.

// switchboard is what says which mutant is there.
const switchboard = `
import (
	mutantOS "os"
	mutantConv "strconv"
)

var mutantNumber, _ = mutantConv.Atoi(mutantOS.Getenv("MUTANT"))
`

// join returns the files with the mutants in them, whose numbers are their places counted from 1, and the mutants that must be
// compiled alone. What is stale is told in the verdicts.
func (b bench) join(all []mutant, of []int, verdicts []verdict) (files map[string]string, alone []int) {
	files = map[string]string{}
	handovers := map[string]map[int]string{} // by file and offset
	for _, i := range of {
		if verdicts[i].err != nil {
			continue
		}
		sound, faulty, err := all[i].plant(b.root)
		if err != nil {
			verdicts[i].err = err
			continue
		}
		h, err := handoverTo(sound, faulty, i+1)
		if err != nil {
			alone = append(alone, i)
			continue
		}
		file := all[i].file
		if handovers[file] == nil {
			handovers[file], files[file] = map[int]string{}, sound
			files[path.Join(path.Dir(file), "mutant_switchboard.go")] = "package " + h.pkg + "\n" + switchboard
		}
		handovers[file][h.at] += h.call
		files[file] += "\n" + h.copy + "\n"
	}
	for file, calls := range handovers {
		text := files[file]
		var places []int
		for at := range calls {
			places = append(places, at)
		}
		slices.Sort(places)
		for _, at := range slices.Backward(places) {
			text = text[:at] + calls[at] + text[at:]
		}
		files[file] = text
	}
	return files, alone
}

// handover is the copy of a function with a fault, and how the function calls it.
type handover struct {
	pkg, copy, call string
	at              int // where in the file the call goes
}

// handoverTo finds the one function in which two texts of a file differ.
func handoverTo(sound, faulty string, number int) (handover, error) {
	fset := token.NewFileSet()
	before, err := parser.ParseFile(fset, "sound.go", sound, parser.SkipObjectResolution)
	if err != nil {
		return handover{}, err
	}
	after, err := parser.ParseFile(fset, "faulty.go", faulty, parser.SkipObjectResolution)
	if err != nil {
		return handover{}, err
	}
	offset := func(pos token.Pos) int { return fset.Position(pos).Offset }
	for i := range min(len(before.Decls), len(after.Decls)) {
		d, is := before.Decls[i].(*ast.FuncDecl)
		e, still := after.Decls[i].(*ast.FuncDecl)
		a, b := sound[offset(before.Decls[i].Pos()):offset(before.Decls[i].End())], faulty[offset(after.Decls[i].Pos()):offset(after.Decls[i].End())]
		if a == b {
			continue
		}
		if !is || !still || sound[:offset(d.Body.Lbrace)] != faulty[:offset(e.Body.Lbrace)] || sound[offset(d.End()):] != faulty[offset(e.End()):] {
			break
		}
		call, err := callOf(d, number)
		if err != nil {
			return handover{}, err
		}
		begin, name := offset(e.Pos()), offset(e.Name.End())
		return handover{pkg: before.Name.Name, copy: faulty[begin:name] + suffix(number) + faulty[name:offset(e.End())], call: call, at: offset(d.Body.Lbrace) + 1}, nil
	}
	return handover{}, fmt.Errorf("the fault is not within one function")
}

func suffix(number int) string { return fmt.Sprintf("Mutant%d", number) }

// callOf is the statement by which a function hands over to its copy.
func callOf(d *ast.FuncDecl, number int) (string, error) {
	var args []string
	for _, f := range d.Type.Params.List {
		if len(f.Names) == 0 {
			return "", fmt.Errorf("%s has a parameter without a name", d.Name.Name)
		}
		for _, n := range f.Names {
			arg := n.Name
			if _, many := f.Type.(*ast.Ellipsis); many {
				arg += "..."
			}
			args = append(args, arg)
		}
	}
	callee := d.Name.Name + suffix(number)
	if d.Recv != nil {
		if len(d.Recv.List[0].Names) == 0 {
			return "", fmt.Errorf("%s has a receiver without a name", d.Name.Name)
		}
		callee = d.Recv.List[0].Names[0].Name + "." + callee
	}
	if slices.Contains(args, "_") || strings.HasPrefix(callee, "_.") || d.Type.TypeParams != nil {
		return "", fmt.Errorf("%s has what cannot be handed over", d.Name.Name)
	}
	call := fmt.Sprintf("%s(%s)", callee, strings.Join(args, ", "))
	if d.Type.Results == nil {
		return fmt.Sprintf(" if mutantNumber == %d { %s; return };", number, call), nil
	}
	return fmt.Sprintf(" if mutantNumber == %d { return %s };", number, call), nil
}
