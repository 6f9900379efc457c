//go:build js && wasm

package js

import "syscall/js"

// Available reports whether this platform has JavaScript.
const Available = true

type (
	Value = js.Value
	Func  = js.Func
	Error = js.Error
	Type  = js.Type
)

const (
	TypeBoolean  = js.TypeBoolean
	TypeNumber   = js.TypeNumber
	TypeString   = js.TypeString
	TypeObject   = js.TypeObject
	TypeFunction = js.TypeFunction
)

func Global() Value { return js.Global() }

func Undefined() Value { return js.Undefined() }

func FuncOf(f func(this Value, args []Value) any) Func { return js.FuncOf(f) }
