// Nothing is a program that ends well.
package main

func main() {}
