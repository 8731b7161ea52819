package main

import "errors"

// foreign has no way: a 64-bit process of this architecture cannot make 32-bit calls.
func foreign() (string, error) { return "", errors.New("this architecture has one kind of calls") }
