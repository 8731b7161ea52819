package h1_test

import (
	"sync"
	"testing"

	"github.com/segue-run/segue/proxy/h1"
)

func TestAnAnswerThatComesWhileItsTimeIsEndedHoldsNobodyUp(t *testing.T) {
	a := h1.NewAnswering()
	ending, answered := make(chan struct{}), make(chan struct{})
	var sweeper sync.WaitGroup
	sweeper.Go(func() {
		a.Expire(func() {
			close(ending)
			<-answered
		})
	})
	receive(t, ending)
	inTime := make(chan bool, 1)
	go func() { inTime <- a.Answers() }()
	until(t, "who answers holds the lock while it waits for the sweeper", a.Headed)
	close(answered)
	if receive(t, inTime) || !a.Late() {
		t.Error("both have won")
	}
	sweeper.Wait()
}
