/*
 * handover: how a daemon gets the socket to its peer from whoever started both. One descriptor with
 * each byte, over a SOCK_SEQPACKET socket.
 */
#ifndef SMTAP_CONTRACT_HANDOVER_H
#define SMTAP_CONTRACT_HANDOVER_H

/* fd stays the caller's. 0, or -errno. */
int handover_send(int sock, int fd);

/* The other way, without a descriptor: whoever started both may have something to start. Never
 * waits. 0, or -errno. */
int handover_tell(int sock);

/* Never waits. The descriptor, close-on-exec; -EAGAIN: none yet; -EPIPE: who gives them has gone.
 */
int handover_take(int sock);

#endif
