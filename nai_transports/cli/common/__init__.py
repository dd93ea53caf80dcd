"""What all commands share: credentials, prompts, input, output, and how errors are reported."""
