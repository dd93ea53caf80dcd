"""HTTP as all endpoints of the emulator share it: requests, responses, hosts, and limits of rate and concurrency."""
