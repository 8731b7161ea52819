package state

// CutWriter ends the connection over which the store writes, as the server does with a
// client that is too slow.
func (s *Store) CutWriter() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.engine.writer.close()
}

// CutReader is CutWriter for the connection over which the store reads.
func (s *Store) CutReader() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.engine.reader.close()
}
