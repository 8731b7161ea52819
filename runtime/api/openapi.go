package api

import (
	_ "embed"
	"net/http"
)

// document describes the API to machines; a test keeps it to the routes and to
// the types that they answer.
//
//go:embed openapi.json
var document []byte

func (s *Server) openapi(c *call) error {
	c.write(http.StatusOK, "application/json", document)
	return nil
}
