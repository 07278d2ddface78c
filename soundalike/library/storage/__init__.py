"""How a library is kept: tables, migrations, bytes, and the database itself."""
