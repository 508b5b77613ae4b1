"""Networks, what runs directly over them, and who is let in."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

NETWORK = domain(
    "network",
    "the network",
    ("carries packets between nodes and services", "joins hosts through switches and routes"),
    capacity=(
        ("packets are dropped when a buffer overflows", "no port or connection slot is left for clients"),
        ("read drop counters with ip -s link", "count sockets by state with ss -s"),
    ),
    integrity=(
        ("frames with a bad checksum are thrown away", "both ends disagree about what was sent"),
        ("compare CRC errors on NIC and switch port", "swap the cable and capture with tcpdump"),
    ),
    availability=(
        ("the peer can't be reached and its clients wait", "open connections break in mid-transfer"),
        ("ping the peer, then trace the route to it", "look at the link state on the switch port"),
    ),
    access=(
        ("a firewall or ACL turns the packets away", "clients see the connection refused"),
        ("list firewall rules and hits with nft", "test the port with nc from the client"),
    ),
    absence=(
        ("no route or interface leads to that address", "the host stays without an address"),
        ("check addresses and routes with ip", "see whether the driver found the NIC"),
    ),
    operation=(
        ("the call on the socket gave an error", "an exchange between two nodes stayed incomplete"),
        ("look up the errno and the peer's log", "watch the exchange with tcpdump on both ends"),
    ),
    degradation=(
        ("retransmissions cut throughput and add latency", "the link fell back to a slower speed"),
        ("check speed and duplex with ethtool", "measure loss to the peer with mtr"),
    ),
    words="network networks networking net ethernet eth link links socket sockets tcp udp ip ipv ipv4 ipv6 icmp "
    "arp route routes router routing gateway packet packets frame port ports connection connections "
    "connect connected disconnect disconnected nic interface interfaces bond bonding vlan host hosts peer "
    "remote rpc firewall iptables broadcast multicast retransmission retransmit tg3 bnx2 igb ixgbe subnet "
    "subnets switch netmask mtu duplex mbps dhcp dhcpd dhclient bootp lease mac carrier wire sender "
    "receiver transmit",
    sources=("ip(8)", "ethtool(8)", "tcp(7)", "RFC 9293"),
    broad=True,
)

INTERCONNECT = domain(
    "interconnect",
    "the interconnect",
    ("passes messages of parallel jobs between nodes", "links nodes with low latency and its own routing"),
    capacity=(
        ("send queues are full and messages back up", "virtual lanes run out of credits"),
        ("read the port's wait counters with perfquery", "look for one congested link in the fabric"),
    ),
    integrity=(
        ("a damaged packet can stop the whole partition", "sender and receiver count different packets"),
        ("compare CRC and symbol errors of both link ends", "reseat or swap the cable between the two ports"),
    ),
    availability=(
        ("ranks wait for a neighbour that is gone", "the fabric splits and jobs across it die"),
        ("check link states with ibstat or iblinkinfo", "find the first node of the partition that stopped"),
    ),
    access=(
        ("the subnet manager keeps the port out", "a key mismatch rejects the queue pair"),
        ("compare partition keys of both nodes", "look for the refusal in the subnet manager's log"),
    ),
    absence=(
        ("the node has no way into the fabric", "the expected cable or neighbour is not seen"),
        ("compare ibnetdiscover with the cabling plan", "see whether the adapter's driver is loaded"),
    ),
    operation=(
        ("messages of the job are lost and it aborts", "link training ended without a usable link"),
        ("read the port's error registers on both sides", "reset the port and watch its training"),
    ),
    degradation=(
        ("a link at reduced width slows all collectives", "retransmits show that a cable ages"),
        ("compare active and supported width with ibstatus", "rank links by their retry counters"),
    ),
    words="torus tree collective collectives barrier infiniband ib ibv hca opensm myrinet gm fabric lid guid "
    "mlx mlx4 mlx5 ibsrp opa hfi psm rdma qp verbs quadrics elan gemini aries dragonfly seastar portals "
    "cable cables link links hop dimension wires interconnect fifo injection reception",
    sources=("InfiniBand architecture specification", "ibdiagnet and infiniband-diags manual pages", "opensm(8)"),
)

NAMING = domain(
    "name service",
    "the name service",
    ("turns host and user names into addresses and ids", "answers look-ups for every login and connection"),
    capacity=(
        ("look-ups are dropped while its queue is full", "the zone or map outgrew its size limit"),
        ("count queries per second in the server's statistics", "see which client floods it with tcpdump"),
    ),
    integrity=(
        ("clients may be sent to the wrong host", "signed answers no longer pass validation"),
        ("compare zone serials of primary and secondary", "validate the answer with delv"),
    ),
    availability=(
        ("logins and mounts hang until the look-up times out", "hosts are known by address alone"),
        ("ask each server in resolv.conf with dig", "check whether nscd or sssd still runs"),
    ),
    access=(
        ("the zone transfer or update is refused", "the directory rejects the bind"),
        ("check allow-transfer and key names on the server", "try the same bind with ldapwhoami"),
    ),
    absence=(
        ("the name resolves to nothing and the caller gives up", "a user without an entry can't log in"),
        ("test the name with getent and dig", "look whether the record was ever in the zone"),
    ),
    operation=(
        ("the server returned an error instead of an address", "a zone failed to load and serves old data"),
        ("run named-checkzone on the zone file", "read the response code with dig"),
    ),
    degradation=(
        ("each connection waits for slow look-ups", "a secondary answers with stale records"),
        ("time a look-up against each server", "check cache hits and refresh of the zone"),
    ),
    words="dns named nameserver resolver resolv lookup nxdomain servfail zone zones bind rndc nis nisplus "
    "ypbind ypserv ldap slapd sssd nscd nss hostname hostnames domain resolve unresolvable dnsmasq record "
    "lame rcode avahi mdns gethostbyname getaddrinfo lookups",
    sources=("named(8)", "resolv.conf(5)", "RFC 1035", "sssd(8)", "slapd(8)"),
)

WEB = domain(
    "web",
    "the web server",
    ("answers HTTP requests of browsers and programs", "forwards requests to the applications behind it"),
    capacity=(
        ("all workers are busy and clients queue", "large requests are cut off"),
        ("count busy workers in server-status", "compare open connections with the worker limit"),
    ),
    integrity=(
        ("clients receive broken or mixed-up responses", "a malformed request can't be parsed"),
        ("replay the request with curl and compare bodies", "clear the proxy cache and test again"),
    ),
    availability=(
        ("users see gateway timeouts in place of pages", "the backend behind the proxy gives no reply"),
        ("curl the backend directly on its port", "see in the error log which upstream failed"),
    ),
    access=(
        ("visitors get status 403 or 401", "a scanner may be probing for open paths"),
        ("look up the client address in the access log", "check the location's allow and auth rules"),
    ),
    absence=(
        ("the page or script gives status 404", "a virtual host has no document root"),
        ("compare the requested path with the document root", "find the referring page in the access log"),
    ),
    operation=(
        ("the request ended with status 500", "a worker process died in the middle of a response"),
        ("read the application's traceback in the error log", "test the configuration with apachectl or nginx -t"),
    ),
    degradation=(
        ("pages load slowly and users retry", "some backends are out of rotation"),
        ("compare response times per backend", "check which health check marks it down"),
    ),
    words="http https httpd apache apache2 nginx web webserver url uri browser html cgi php mod proxy upstream "
    "haproxy tomcat squid varnish vhost cookie favicon htaccess script referer www rest api gateway "
    "robots",
    sources=("Apache HTTP Server documentation", "nginx documentation", "RFC 9110"),
)

MAIL = domain(
    "mail",
    "the mail service",
    ("takes, queues and delivers messages", "talks SMTP to the hosts of recipients"),
    capacity=(
        ("the queue grows and messages arrive late", "a full mailbox bounces new mail"),
        ("count queued messages with mailq", "check free space of the spool and mailboxes"),
    ),
    integrity=(
        ("a message arrives cut or with broken headers", "queue files can't be parsed"),
        ("inspect the queue file with postcat", "look for a disk error under the spool"),
    ),
    availability=(
        ("mail stays queued until the remote host answers", "alerts by mail reach nobody"),
        ("test port 25 of the recipient's MX", "see whether the delivery agent still runs"),
    ),
    access=(
        ("the relay is refused and the sender gets a bounce", "somebody may try to send spam through it"),
        ("check relay rules and the client's address", "look for the sender in block lists"),
    ),
    absence=(
        ("no such mailbox takes the message", "an alias leads to nobody"),
        ("look the recipient up in the alias map", "rebuild the maps with newaliases or postmap"),
    ),
    operation=(
        ("a message was bounced or left undelivered", "the mailer gave up after an SMTP error"),
        ("read the SMTP reply code in the mail log", "deliver one message by hand with verbose output"),
    ),
    degradation=(
        ("messages are deferred and delivered hours later", "greylisting or slow DNS delays delivery"),
        ("list deferral reasons with qshape", "compare delay fields in the mail log"),
    ),
    words="mail mailer mailq mailbox smtp smtpd esmtp sendmail postfix exim dovecot imap pop3 relay relaying "
    "deferred bounced bounce recipient recipients rcpt mx spool sender mta lmtp ndn dsn newaliases alias "
    "aliases spam qmgr message messages",
    sources=("postfix(1)", "sendmail(8)", "RFC 5321"),
)

TLS = domain(
    "tls",
    "the certificate service",
    ("proves the identity of servers and clients", "sets up encrypted connections"),
    capacity=(
        ("handshakes are dropped at the rate limit", "a chain too long is refused"),
        ("count handshakes per second at the endpoint", "read the chain depth with openssl s_client"),
    ),
    integrity=(
        ("the signature doesn't match and trust is lost", "somebody may sit between client and server"),
        ("compare fingerprints on both sides", "verify the chain with openssl verify"),
    ),
    availability=(
        ("the handshake never ends and no session starts", "revocation checks wait for their server"),
        ("try the handshake with openssl s_client", "test the OCSP or CRL address with curl"),
    ),
    access=(
        ("clients refuse to talk to the server", "an unknown authority signed the certificate"),
        ("check the trust store for the issuing authority", "see which client certificate was offered"),
    ),
    absence=(
        ("the service starts without encryption or not at all", "the private key is not where it should be"),
        ("check key and certificate paths in the configuration", "look whether renewal wrote its files"),
    ),
    operation=(
        ("the secure session could not be set up", "renewal failed and the expiry date approaches"),
        ("compare protocol versions and ciphers of both ends", "read the expiry date with openssl x509"),
    ),
    degradation=(
        ("an old protocol or weak cipher is in use", "the certificate expires within days"),
        ("renew the certificate before its end date", "list enabled protocols with testssl"),
    ),
    words="ssl tls certificate certificates cert certs x509 handshake openssl cipher ciphers pem ca crl ocsp "
    "expiry keystore truststore encryption encrypted signature fingerprint keytool pkcs acme letsencrypt "
    "issuer",
    sources=("openssl-s_client(1)", "RFC 8446", "RFC 5280"),
)

SECURITY = domain(
    "security",
    "access control",
    ("decides who may log in and do what", "checks passwords, keys and rights"),
    capacity=(
        ("the account is locked after too many tries", "no more sessions are opened for users"),
        ("list failed tries with faillock", "compare MaxSessions and MaxStartups with open logins"),
    ),
    integrity=(
        ("a credential or policy may have been tampered with", "trust between hosts is broken"),
        ("compare the host key with the recorded one", "check package integrity of sshd and PAM"),
    ),
    availability=(
        ("nobody can log in until the server answers", "tickets can't be renewed and jobs lose access"),
        ("test the authentication server from this node", "get a fresh ticket with kinit"),
    ),
    access=(
        ("either a stranger tries passwords or a user is shut out", "the attempt got no session on the host"),
        ("count tries by source address in auth.log", "ask the user, then block the address if unknown"),
    ),
    absence=(
        ("the name belongs to no account on this host", "a needed key or ticket is not there"),
        ("look the account up with getent passwd", "check the key file's path and the keytab"),
    ),
    operation=(
        ("the check ended in an error and access stays closed", "sessions open without their limits or home"),
        ("test the PAM stack with pamtester", "run sshd with debug output on another port"),
    ),
    degradation=(
        ("logins take long while a server is tried in vain", "old ciphers or passwords weaken the host"),
        ("time a login with ssh -vvv", "review expired passwords with chage"),
    ),
    words="auth authentication authenticate authenticated authorization authorized unauthorized login logins "
    "logon logout password passwords passwd user users uid gid sshd ssh sudo su root pam krb krb5 "
    "kerberos kdc keytab ticket permission permissions privilege privileges attack attacker breakin "
    "intrusion session sessions account accounts selinux avc apparmor audit auditd publickey rhost ruser "
    "credential credentials telnet telnetd rlogin rsh preauth fail2ban",
    sources=("pam(8)", "sshd(8)", "faillock(8)", "audit.rules(7)"),
)

PARTS = (NETWORK, INTERCONNECT, NAMING, WEB, MAIL, TLS, SECURITY)
