"""A row for each option of each generating function: an unusual value, its form on the wire, and what shows that it acts."""
