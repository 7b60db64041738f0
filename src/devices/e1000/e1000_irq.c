/* SPDX-License-Identifier: MIT */
/*
 * See e1000_irq.h. INTA# is asserted while ICR has a bit of IMS; with MSI enabled, each assertion
 * is a message. ITR is the least time from one assertion to the next.
 *
 * Delays are those of the manual's 13.4.30 and 13.4.44: a packet timer, which each frame starts
 * anew (RDTR, TIDV), and an absolute one, which runs from the first frame on (RADV, TADV). The one
 * that ends first raises the cause and stops the other.
 */
#include "devices/e1000/e1000_irq.h"

#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/sys.h"
#include "devices/e1000/e1000.h"

enum {
	SLEEP_MAX = 250000 /* ns: a reset waits for it, and a timer that is set meanwhile */
};

/* ---- timers ---- */

static bool is_due(uint64_t timer, uint64_t now)
{
	return timer && timer <= now;
}

/* What is due is done. Returns the time until the next timer; 0: there is none. */
static uint64_t run_timers(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);
	const uint64_t now = clock_ns();
	uint64_t next = UINT64_MAX;

	if (is_due(e->rx_delay, now) || is_due(e->rx_limit, now))
		e1000_flush_received(dev);
	if (is_due(e->tx_delay, now) || is_due(e->tx_limit, now))
		e1000_flush_sent(dev);
	if (is_due(e->throttle, now)) {
		e->throttle = 0;
		e1000_update_line(dev);
	}
	const uint64_t timers[] = {e->rx_delay, e->rx_limit, e->tx_delay, e->tx_limit, e->throttle};

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		if (timers[i])
			next = min_u64(next, timers[i]);
	if (next == UINT64_MAX)
		return 0;
	return next > now ? next - now : 1;
}

/* TIMER_THREAD. */
static void sleep_on_timers(struct uiommufd_device *dev)
{
	struct timespec time = {.tv_sec = 0};
	uint64_t left;

	uiommufd_device_lock(dev);
	left = run_timers(dev);
	uiommufd_device_unlock(dev);
	if (!left)
		return;
	time.tv_nsec = (long)min_u64(left, SLEEP_MAX);
	(void)sys_call(SYS_ppoll, 0, 0, (long)&time, 0, 0, 0);
	uiommufd_device_queue_work_on(dev, TIMER_THREAD, sleep_on_timers);
}

static void set_timer(struct uiommufd_device *dev, uint64_t *timer, uint64_t at)
{
	*timer = at;
	uiommufd_device_queue_work_on(dev, TIMER_THREAD, sleep_on_timers);
}

/* ---- the line ---- */

void e1000_update_line(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);
	const uint64_t interval = (uint64_t)*e1000_reg(e, E1000_ITR) * E1000_ITR_UNIT;
	const bool wanted = *e1000_reg(e, E1000_ICR) & *e1000_reg(e, E1000_IMS);
	uint64_t now;

	if (wanted == e->line)
		return;
	if (wanted && interval) {
		now = clock_ns();
		if (now < e->next_interrupt) {
			if (!e->throttle)
				set_timer(dev, &e->throttle, e->next_interrupt);
			return;
		}
		e->next_interrupt = now + interval;
	}
	e->line = wanted;
	uiommufd_device_set_intx(dev, wanted);
}

void e1000_raise(struct uiommufd_device *dev, uint32_t causes)
{
	*e1000_reg(e1000_of(dev), E1000_ICR) |= causes & ICR_ALL;
	e1000_update_line(dev);
}

/* ---- delays ---- */

static uint64_t delay_of(struct e1000 *e, uint32_t reg)
{
	return (uint64_t)(*e1000_reg(e, reg) & E1000_DELAY_MASK) * E1000_DELAY_UNIT;
}

void e1000_raise_received(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);
	const uint64_t delay = delay_of(e, E1000_RDTR), limit = delay_of(e, E1000_RADV);
	uint64_t now;

	if (!delay) {
		e1000_flush_received(dev);
		return;
	}
	now = clock_ns();
	if (limit && !e->rx_limit)
		set_timer(dev, &e->rx_limit, now + limit);
	set_timer(dev, &e->rx_delay, now + delay);
}

void e1000_raise_sent(struct uiommufd_device *dev, bool delayed)
{
	struct e1000 *e = e1000_of(dev);
	const uint64_t delay = delay_of(e, E1000_TIDV), limit = delay_of(e, E1000_TADV);
	uint64_t now;

	if (!delayed || !delay) {
		e1000_flush_sent(dev);
		return;
	}
	now = clock_ns();
	if (limit && !e->tx_limit)
		set_timer(dev, &e->tx_limit, now + limit);
	set_timer(dev, &e->tx_delay, now + delay);
}

void e1000_flush_received(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);

	e->rx_delay = e->rx_limit = 0;
	e1000_raise(dev, ICR_RXT0);
}

void e1000_flush_sent(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);

	e->tx_delay = e->tx_limit = 0;
	e1000_raise(dev, ICR_TXDW);
}

void e1000_irq_reset(struct uiommufd_device *dev)
{
	struct e1000 *e = e1000_of(dev);

	e->rx_delay = e->rx_limit = e->tx_delay = e->tx_limit = e->throttle = 0;
	e->next_interrupt = 0;
	e->line = false;
	uiommufd_device_set_intx(dev, false);
}
