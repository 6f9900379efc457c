package memory

// heap yields the item with the smallest time first. It tells each
// item where it is, so that any item can be moved and removed.
type heap[T interface{ moved(to int) }] struct {
	slots []slot[T]
}

// slot holds the time beside the item, so that comparing two items does not
// fetch both into the cache.
type slot[T any] struct {
	at   int64 // milliseconds since 1970
	item T
}

// notQueued is the position of an item that has been removed.
const notQueued = -1

// first returns the item with the smallest time, if that is not after now.
func (q *heap[T]) first(now int64) (item T, ok bool) {
	if len(q.slots) == 0 || q.slots[0].at > now {
		return item, false
	}
	return q.slots[0].item, true
}

func (q *heap[T]) push(at int64, item T) {
	q.slots = append(q.slots, slot[T]{})
	q.up(len(q.slots)-1, slot[T]{at, item})
}

func (q *heap[T]) move(i int, at int64) {
	q.place(i, slot[T]{at, q.slots[i].item})
}

// replace puts another item, of the same time, in the place of that at i.
func (q *heap[T]) replace(i int, item T) {
	q.slots[i].item.moved(notQueued)
	q.put(i, slot[T]{q.slots[i].at, item})
}

func (q *heap[T]) remove(i int) {
	q.slots[i].item.moved(notQueued)
	end := len(q.slots) - 1
	last := q.slots[end]
	q.slots[end] = slot[T]{}
	q.slots = q.slots[:end]
	if i < end {
		q.place(i, last)
	}
}

// place fills the hole at i with s, or moves the hole to where s belongs.
func (q *heap[T]) place(i int, s slot[T]) {
	if i > 0 && s.at < q.slots[(i-1)/2].at {
		q.up(i, s)
		return
	}
	q.down(i, s)
}

func (q *heap[T]) up(i int, s slot[T]) {
	for i > 0 {
		parent := (i - 1) / 2
		if q.slots[parent].at <= s.at {
			break
		}
		q.put(i, q.slots[parent])
		i = parent
	}
	q.put(i, s)
}

func (q *heap[T]) down(i int, s slot[T]) {
	for {
		child := 2*i + 1
		if child >= len(q.slots) {
			break
		}
		if next := child + 1; next < len(q.slots) && q.slots[next].at < q.slots[child].at {
			child = next
		}
		if s.at <= q.slots[child].at {
			break
		}
		q.put(i, q.slots[child])
		i = child
	}
	q.put(i, s)
}

func (q *heap[T]) put(i int, s slot[T]) {
	q.slots[i] = s
	s.item.moved(i)
}
