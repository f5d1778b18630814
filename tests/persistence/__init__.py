"""What storage promises, tried on PostgreSQL, on Valkey and on the store in memory."""
