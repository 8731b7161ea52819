package module_test

import (
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/module"
)

func TestDenialsOfSeveralProcessesAreToldOnceEach(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 12, minute, 0, 0, time.UTC) }
	first := []module.Denial{{By: module.ByQuota, What: "memory", Count: 2, First: at(3), Last: at(9), Instance: "a-1"}, {By: module.ByGateway, What: "connect", Count: 1, Instance: "a-1"}}
	second := []module.Denial{{By: module.ByQuota, What: "memory", Count: 1, First: at(1), Last: at(4), Fatal: true, Instance: "a-2"}, {By: module.ByQuota, What: "storage", Count: 1, Instance: "a-2"}}
	all := module.Together(first, second)
	if len(all) != 3 || all[1].Instance != "a-1" || all[2].Instance != "a-2" {
		t.Fatalf("%+v", all)
	}
	want := module.Denial{By: module.ByQuota, What: "memory", Count: 3, First: at(1), Last: at(9), Fatal: true}
	if all[0] != want {
		t.Errorf("together %+v, want %+v", all[0], want)
	}
	if first[0].Count != 2 {
		t.Error("what was given is changed")
	}
}
