"""The few-shot draw: its rule, and what is known of one."""
