"""The durable loop: worker, loop, journal, log writer, sweeper. It knows ports, not technology."""
