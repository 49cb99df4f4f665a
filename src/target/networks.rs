//! Networks that a spec lets in: one way to write them, and none that is no list of who may come in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Shortest prefixes of networks: what is wider is no list of who may come in.
const WIDEST: [u8; 2] = [8, 16];
/// IPv4 addresses in IPv6: mapped (`::ffff:0:0/96`) and compatible (`::/96`). Both have this prefix. Go, and so kube-proxy and the
/// controllers of clouds, takes the first for plain IPv4, where `::ffff:0:0/96` is everybody.
const OF_IPV4: [u128; 2] = [0xffff_0000_0000, 0];
const OF_IPV4_PREFIX: u8 = 96;

/// A network with nothing beside its prefix, as everybody writes it; else what to do about it.
pub(super) fn network(text: &str) -> Result<String, String> {
    let form = || "write a network as 203.0.113.0/24 or 2001:db8::/32".to_owned();
    let (address, prefix) = text.split_once('/').ok_or_else(form)?;
    let address: IpAddr = address.parse().map_err(|_| form())?;
    // A number's own reader takes a plus as well.
    let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix: u8 = prefix.parse().ok().filter(|_| digits).ok_or_else(form)?;
    let (bits, widest) = match address {
        IpAddr::V4(_) => (32, WIDEST[0]),
        IpAddr::V6(_) => (128, WIDEST[1]),
    };
    if prefix > bits {
        return Err(form());
    }
    if prefix < widest {
        return Err(format!("as wide as a good part of all addresses: name networks of at least /{widest}"));
    }
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(u32::from(bits - prefix)).unwrap_or(0);
            Ok(format!("{}/{prefix}", Ipv4Addr::from(u32::from(address) & mask)))
        }
        IpAddr::V6(address) if has_ipv4(address, prefix) => {
            Err("it has IPv4 addresses in IPv6, which others take for IPv4: write them as IPv4, as 203.0.113.0/24, or another IPv6 network".into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(u32::from(bits - prefix)).unwrap_or(0);
            Ok(format!("{}/{prefix}", Ipv6Addr::from(u128::from(address) & mask)))
        }
    }
}

/// Whether a network and one of those of IPv4 have an address in common.
fn has_ipv4(address: Ipv6Addr, prefix: u8) -> bool {
    let beside = 128 - u32::from(prefix.min(OF_IPV4_PREFIX));
    OF_IPV4.iter().any(|of| (u128::from(address) ^ of).checked_shr(beside).unwrap_or(0) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_written_in_one_way() {
        assert_eq!(network("10.1.2.3/8").as_deref(), Ok("10.0.0.0/8"));
        assert_eq!(network("10.1.2.3/32").as_deref(), Ok("10.1.2.3/32"));
        assert_eq!(network("2001:DB8:0:0::1/32").as_deref(), Ok("2001:db8::/32"));
        assert!(network("10.0.0.0/+8").unwrap_err().starts_with("write a network"));
    }

    #[test]
    fn ipv4_in_ipv6_is_no_network_of_ipv6() {
        for text in [
            "::ffff:0:0/96",
            "::ffff:0.0.0.0/96",
            "::ffff:203.0.113.7/128",
            "::ffff:0:0/80",
            "::fffe:0:0/95",
            "::/16",
            "::/96",
            "::203.0.113.0/120",
            "0:ffff::/16",
        ] {
            let told = network(text);
            assert!(told.as_ref().is_err_and(|told| told.starts_with("it has IPv4")), "{text}: {told:?}");
        }
        for text in ["2001:db8::/32", "fd00:1::/32", "::1:0:0:0/80", "::fffd:0:0/96", "0:1::/32"] {
            assert!(network(text).is_ok(), "{text}");
        }
    }
}
