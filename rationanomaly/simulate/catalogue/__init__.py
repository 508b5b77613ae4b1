"""The messages of the made-up machine, one CSV file per subsystem; `events.load_catalogue` reads them."""
