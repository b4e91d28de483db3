//! Check runners: script, HTTP, TCP, UDP, gRPC, H2 ping, Docker, alias, OS service.
