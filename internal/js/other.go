//go:build !(js && wasm)

package js

// Available reports whether this platform has JavaScript.
const Available = false

const missing = "internal/js: this platform has no JavaScript"

// Type is that of syscall/js.
type Type int

const (
	TypeBoolean Type = iota
	TypeNumber
	TypeString
	TypeObject
	TypeFunction
)

// Value is that of syscall/js.
type Value struct{}

// Global returns no object, so that a variable of a package may hold it.
func Global() Value { return Value{} }

func Undefined() Value { panic(missing) }

func (Value) Get(string) Value          { panic(missing) }
func (Value) Set(string, any)           { panic(missing) }
func (Value) Index(int) Value           { panic(missing) }
func (Value) Length() int               { panic(missing) }
func (Value) Call(string, ...any) Value { panic(missing) }
func (Value) New(...any) Value          { panic(missing) }
func (Value) Invoke(...any) Value       { panic(missing) }
func (Value) Equal(Value) bool          { panic(missing) }
func (Value) Truthy() bool              { panic(missing) }
func (Value) Type() Type                { panic(missing) }
func (Value) String() string            { panic(missing) }
func (Value) Int() int                  { panic(missing) }
func (Value) Float() float64            { panic(missing) }

// Func is that of syscall/js.
type Func struct{ Value }

func FuncOf(func(this Value, args []Value) any) Func { panic(missing) }

func (Func) Release() { panic(missing) }

// Error is that of syscall/js.
type Error struct{ Value }

func (Error) Error() string { panic(missing) }
