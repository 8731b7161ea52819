package h1

import "time"

// sent notes that all of the request has been sent.
func (t *transit) sent() {
	now := time.Now()
	at := t.e.on(now)
	t.owes(at)
	t.sentAt.Store(at)
	t.exchange.Sent(now)
}

// owes says that the module has all it will get of the request: from now on it has its
// time for the answer, unless that has come already.
func (t *transit) owes(now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.times.Answer > 0 && !t.headed {
		t.answerDue.set(now + int64(t.times.Answer))
	}
}

// answers notes that the head of the final answer has come; it reports whether that was in
// time.
func (t *transit) answers() bool {
	t.mu.Lock()
	t.headed = true
	t.mu.Unlock()
	return t.answerDue.met()
}

// isHeaded reports whether an answer has come.
func (t *transit) isHeaded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.headed
}

// wait is the time since then; 0 before.
func (t *transit) wait() time.Duration {
	sent := t.sentAt.Load()
	if sent == 0 {
		return 0
	}
	return time.Duration(max(t.e.now()-sent, 0))
}
