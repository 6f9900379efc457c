package redis

// ServerAddr is that of the server that most tests share.
func ServerAddr() string {
	s, err := sharedServer()
	if err != nil {
		panic(err)
	}
	toRemove.Store(s, nil)
	return s.addr
}
