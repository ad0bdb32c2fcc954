"""Networks of containers: bridges, addresses, published ports and names, made by netlink and one table of nftables."""
