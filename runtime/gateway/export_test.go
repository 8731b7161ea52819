package gateway

// Exactly is how package net is told to listen on what was checked.
var Exactly = exactly
