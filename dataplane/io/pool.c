#include "dataplane/io/pool.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

/* What rte_pktmbuf_pool_create does, with a flag that it does not take. */
static struct rte_mempool *
pool_create_packed(const char *name, unsigned n, unsigned cache, uint16_t room, int node)
{
	struct rte_pktmbuf_pool_private private = {.mbuf_data_room_size = room};
	struct rte_mempool *pool = rte_mempool_create_empty(name, n, sizeof(struct rte_mbuf) + room,
		cache, sizeof(private), node, RTE_MEMPOOL_F_NO_IOVA_CONTIG);

	if (!pool)
		return NULL;
	int rc = rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL);
	if (rc == 0) {
		rte_pktmbuf_pool_init(pool, &private);
		rc = rte_mempool_populate_default(pool);
	}
	if (rc < 0) {
		rte_mempool_free(pool);
		rte_errno = -rc;
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

struct rte_mempool *
pool_create(const char *name, unsigned n, unsigned cache, uint16_t room, int node)
{
	if (rte_eal_has_hugepages())
		return rte_pktmbuf_pool_create(name, n, cache, 0, room, node);
	return pool_create_packed(name, n, cache, room, node);
}
