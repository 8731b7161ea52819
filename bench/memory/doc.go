// Command memory measures what the runtime holds in memory with one module and
// with fifty, and what one instance of hello holds. The modules are copies of hello
// under other names and paths.
//
// RSS counts shared pages in full, PSS by their share; the pages of one executable
// are shared by nobody else here, since each copy is a file of its own.
package main
