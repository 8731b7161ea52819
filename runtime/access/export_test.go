package access

// ListenFor is Listen with another rule of who may connect.
var ListenFor = listen
