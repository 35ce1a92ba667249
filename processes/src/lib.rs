//! Many programs, one section each: fork, re-exec, pipes, sockets and shared memory.
