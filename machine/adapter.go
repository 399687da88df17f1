package machine

import (
	"context"
	"errors"
	"log/slog"
)

type adapterFunc[T any] func(ctx context.Context, items []T) error

func (f adapterFunc[T]) Notify(ctx context.Context, items []T) error { return f(ctx, items) }

// Func makes an adapter of a function that takes all items of a call at once.
func Func[T any](f func(ctx context.Context, items []T) error) Adapter[T] {
	return adapterFunc[T](f)
}

// Each makes an adapter of a function that takes one item. The first error
// ends the call, and the items after it are not seen.
func Each[T any](f func(ctx context.Context, item T) error) Adapter[T] {
	return adapterFunc[T](func(ctx context.Context, items []T) error {
		for _, item := range items {
			if err := f(ctx, item); err != nil {
				return err
			}
		}
		return nil
	})
}

// Merge gives all items to each adapter in the order of the arguments. One
// that fails does not keep them from the others; the errors are joined.
func Merge[T any](adapters ...Adapter[T]) Adapter[T] {
	return adapterFunc[T](func(ctx context.Context, items []T) error {
		var errs []error
		for _, a := range adapters {
			if err := notify(ctx, a, items); err != nil {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	})
}

// Map passes each item on to another adapter as what f makes of it.
func Map[A, B any](to Adapter[B], f func(A) B) Adapter[A] {
	return FilterMap(to, func(a A) (B, bool) { return f(a), true })
}

// FilterMap is [Map] for those items for which f answers true; it drops the
// others.
func FilterMap[A, B any](to Adapter[B], f func(A) (B, bool)) Adapter[A] {
	return adapterFunc[A](func(ctx context.Context, items []A) error {
		mapped := make([]B, 0, len(items))
		for _, item := range items {
			if b, ok := f(item); ok {
				mapped = append(mapped, b)
			}
		}
		return notify(ctx, to, mapped)
	})
}

// Chan sends each item on a channel and waits for its place there. When ctx
// ends first, the call returns ctx's error, and the items not yet sent are
// dropped. The channel is never closed.
func Chan[T any](ch chan<- T) Adapter[T] {
	return Each(func(ctx context.Context, item T) error {
		select {
		case ch <- item:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// BestEffort is the one place that swallows errors: it logs those of another
// adapter as warnings, so that they do not stop the machine. A nil logger
// means [slog.Default].
func BestEffort[T any](to Adapter[T], logger *slog.Logger) Adapter[T] {
	return adapterFunc[T](func(ctx context.Context, items []T) error {
		if err := notify(ctx, to, items); err != nil {
			l := logger
			if l == nil {
				l = slog.Default()
			}
			l.WarnContext(ctx, "machine: adapter failed", "items", len(items), "error", err)
		}
		return nil
	})
}

// notify drops the items when there is no adapter.
func notify[T any](ctx context.Context, a Adapter[T], items []T) error {
	if a == nil || len(items) == 0 {
		return nil
	}
	return a.Notify(ctx, items)
}
