"""One HTTP exchange of a pull: proxies, certificates, logins, tokens, the bytes and their clock."""
