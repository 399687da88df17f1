package table

// At says where a machine stands. The state of a machine with a table embeds
// it, and the table alone writes it:
//
//	type Order struct {
//		table.At[Status]
//		Items int
//	}
//
// It is part of the state, so it is kept in snapshots too. A machine starts in
// the zero L.
type At[L comparable] struct {
	State  L // where the machine is
	Before L // where it was before it came there; the zero L until it has moved
}

func (a At[L]) at() At[L] { return a }

func (a *At[L]) set(to At[L]) { *a = to }

// placed is a state that embeds an At.
type placed[L comparable] interface{ at() At[L] }

// movable is a pointer to such a state.
type movable[S any, L comparable] interface {
	*S
	set(At[L])
}
