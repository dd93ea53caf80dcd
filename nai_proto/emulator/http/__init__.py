"""HTTP as the emulator speaks it: responses, the hosts and what each has, request contexts, rate limits."""
