"""Who works here: persons with roles and an organisation, so that two of them can be told from one."""
