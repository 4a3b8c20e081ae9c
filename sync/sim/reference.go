package sim

// reference is filled in below.
func (c *checker) reference() {}
