package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/edfsm/edfsm/internal/sqlitedb"
	"github.com/edfsm/edfsm/pattern"
	"github.com/edfsm/edfsm/timeutil"
)

// retentionPeriod is how often the rules are applied.
const retentionPeriod = 24 * time.Hour

// keepFree is the share of free pages that the retention leaves in the file for
// what comes.
const keepFree = 0.5

// Rule says which rows of the records that match a pattern are deleted: those
// that are older than Age and not among the newest Keep of their record. Without
// Age, those that are not among the newest Keep, however old; without either,
// none.
type Rule struct {
	Pattern string
	Age     time.Duration
	Keep    int
}

type rule struct {
	Rule
	pattern pattern.Pattern
}

// compile puts the rules into the order in which they hold.
func compile(rules []Rule) (compiled []rule, err error) {
	for i, r := range rules {
		p, err := pattern.Compile(r.Pattern)
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		if r.Age < 0 || r.Keep < 0 {
			return nil, fmt.Errorf("rule %d, %q: neither Age %v nor Keep %d may be negative", i+1, r.Pattern, r.Age, r.Keep)
		}
		compiled = append(compiled, rule{r, p})
	}
	slices.SortStableFunc(compiled, func(a, b rule) int { return b.pattern.Literals() - a.pattern.Literals() })
	return compiled, nil
}

// runRetention applies the rules until ctx ends. After a failure the next time
// is another day.
func (h *History) runRetention(ctx context.Context) {
	timeutil.Every(ctx, retentionPeriod, func(ctx context.Context) {
		start := time.Now()
		deleted, err := h.retain(ctx, start)
		if ctx.Err() != nil || errors.Is(err, ErrClosed) {
			return
		}
		took := time.Since(start).Milliseconds()
		if err != nil {
			h.logger.Error("edfsm: retention failed", "rows", deleted, "ms", took, "error", err)
			return
		}
		h.logger.Info("edfsm: retention", "rows", deleted, "ms", took)
	})
}

func (h *History) retain(ctx context.Context, now time.Time) (deleted int64, err error) {
	return h.clean(ctx, keepFree, func(ctx context.Context, r record) (key, error) {
		i := slices.IndexFunc(h.rules, func(rule rule) bool { return rule.pattern.Match(r.name) })
		if i < 0 {
			return firstKey, nil
		}
		return h.keptFrom(ctx, h.rules[i].Rule, r, now)
	})
}

// keptFrom returns the key of the first row of a record that a rule keeps.
func (h *History) keptFrom(ctx context.Context, rule Rule, r record, now time.Time) (k key, err error) {
	if rule.Age == 0 && rule.Keep == 0 {
		return firstKey, nil
	}
	k = lastKey
	if rule.Age > 0 {
		if k, err = olderKey(now.Add(-rule.Age)); err != nil {
			return k, err
		}
	}
	if rule.Keep == 0 {
		return k, nil
	}
	kept, enough, err := h.newest(ctx, r, rule.Keep)
	if err != nil || !enough {
		return firstKey, err
	}
	if kept.time < k.time {
		k = kept
	}
	return k, nil
}

// newest returns the key of a record's n-th newest row, from 1, if it has so
// many. What is stored meanwhile is not counted, and so kept besides.
func (h *History) newest(ctx context.Context, r record, n int) (k key, enough bool, err error) {
	k = lastKey
	for n > 0 {
		page, rows := min(n, pageKeys), 0
		err = sqlitedb.View(ctx, h.db, func(rx sqlitedb.Rx) (err error) {
			k, rows, err = walk(rx, newestFirst, r.number, k, firstKey, page)
			return err
		})
		if err != nil || rows < page {
			return k, false, err
		}
		n -= rows
	}
	return k, true, nil
}
