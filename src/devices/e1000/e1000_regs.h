/* SPDX-License-Identifier: MIT */
/*
 * Registers, descriptors, EEPROM and PHY of Intel's 82540EM, as the "PCI/PCI-X Family of Gigabit
 * Ethernet Controllers Software Developer's Manual" (317453) names them: registers in chapter 13,
 * descriptors in 3.2 and 3.3, the EEPROM in 5, the PHY in 13.4.7.
 */
#ifndef DEVICES_E1000_E1000_REGS_H
#define DEVICES_E1000_E1000_REGS_H

#include <stdint.h>

enum e1000_register {
	E1000_CTRL = 0x0000,
	E1000_CTRL_DUP = 0x0004,
	E1000_STATUS = 0x0008,
	E1000_EECD = 0x0010,
	E1000_EERD = 0x0014,
	E1000_CTRL_EXT = 0x0018,
	E1000_MDIC = 0x0020,
	E1000_FCAL = 0x0028,
	E1000_FCAH = 0x002c,
	E1000_FCT = 0x0030,
	E1000_VET = 0x0038,
	E1000_ICR = 0x00c0,
	E1000_ITR = 0x00c4,
	E1000_ICS = 0x00c8,
	E1000_IMS = 0x00d0,
	E1000_IMC = 0x00d8,
	E1000_RCTL = 0x0100,
	E1000_FCTTV = 0x0170,
	E1000_TXCW = 0x0178,
	E1000_TCTL = 0x0400,
	E1000_TIPG = 0x0410,
	E1000_AIT = 0x0458,
	E1000_LEDCTL = 0x0e00,
	E1000_PBA = 0x1000,
	E1000_FCRTL = 0x2160,
	E1000_FCRTH = 0x2168,
	E1000_RDFH = 0x2410, /* and on to RDFPC: diagnostics */
	E1000_RDFPC = 0x2430,
	E1000_RDBAL = 0x2800,
	E1000_RDBAH = 0x2804,
	E1000_RDLEN = 0x2808,
	E1000_RDH = 0x2810,
	E1000_RDT = 0x2818,
	E1000_RDTR = 0x2820,
	E1000_RXDCTL = 0x2828,
	E1000_RADV = 0x282c,
	E1000_RSRPD = 0x2c00,
	E1000_TXDMAC = 0x3000,
	E1000_TDFH = 0x3410, /* and on to TDFPC: diagnostics */
	E1000_TDFPC = 0x3430,
	E1000_TDBAL = 0x3800,
	E1000_TDBAH = 0x3804,
	E1000_TDLEN = 0x3808,
	E1000_TDH = 0x3810,
	E1000_TDT = 0x3818,
	E1000_TIDV = 0x3820,
	E1000_TXDCTL = 0x3828,
	E1000_TADV = 0x382c,
	E1000_TSPMT = 0x3830,
	E1000_STATISTICS = 0x4000,
	E1000_STATISTICS_LAST = 0x40fc,
	E1000_RXCSUM = 0x5000,
	E1000_MTA = 0x5200,
	E1000_MTA_LAST = 0x53fc,
	E1000_RA = 0x5400, /* RAL and RAH by turns */
	E1000_RA_LAST = 0x547c,
	E1000_VFTA = 0x5600,
	E1000_VFTA_LAST = 0x57fc,
	E1000_WUC = 0x5800,
	E1000_WUFC = 0x5808,
	E1000_WUS = 0x5810,
	E1000_MANC = 0x5820,
	E1000_IPAV = 0x5838,
	E1000_IP4AT = 0x5840,
	E1000_IP4AT_LAST = 0x5858,
	E1000_IP6AT = 0x5880,
	E1000_IP6AT_LAST = 0x588c,
	E1000_WUPL = 0x5900,
	E1000_WUPM = 0x5a00,
	E1000_WUPM_LAST = 0x5a7c,
	E1000_FFLT = 0x5f00,
	E1000_FFLT_LAST = 0x5f18,
	E1000_FFMT = 0x9000,
	E1000_FFMT_LAST = 0x93f8,
	E1000_FFVT = 0x9800,
	E1000_FFVT_LAST = 0x9bf8,
	E1000_PBM = 0x10000, /* the packet buffer's memory */
	E1000_PBM_LAST = 0x1fffc,
	E1000_BAR_SIZE = 0x20000,
	E1000_IO_SIZE = 0x40,
};

/* The IO BAR. */
enum e1000_io_register {
	E1000_IOADDR = 0x0,
	E1000_IODATA = 0x4,
};

enum e1000_ctrl {
	CTRL_FD = 1 << 0,
	CTRL_SLU = 1 << 6,
	CTRL_SPEED_SHIFT = 8,
	CTRL_FRCSPD = 1 << 11,
	CTRL_FRCDPX = 1 << 12,
	CTRL_RST = 1 << 26,
	CTRL_RFCE = 1 << 27,
	CTRL_TFCE = 1 << 28,
	CTRL_VME = 1 << 30,
	CTRL_WRITABLE = 0x58fc1bed, /* but RST and PHY_RST, which do something */
};
#define CTRL_PHY_RST (1u << 31)

enum e1000_ctrl_ext {
	CTRL_EXT_EE_RST = 1 << 13,
	CTRL_EXT_WRITABLE = 0x00f7cff0,
};

enum e1000_status {
	STATUS_FD = 1 << 0,
	STATUS_LU = 1 << 1,
	STATUS_TXOFF = 1 << 4,
	STATUS_SPEED_SHIFT = 6, /* 0: 10, 1: 100, 2: 1000 Mb/s */
	STATUS_ASDV_SHIFT = 8,
	SPEED_1000 = 2,
};

enum e1000_eecd {
	EECD_SK = 1 << 0,
	EECD_CS = 1 << 1,
	EECD_DI = 1 << 2,
	EECD_DO = 1 << 3,
	EECD_FWE = 3 << 4,
	EECD_REQ = 1 << 6,
	EECD_GNT = 1 << 7,
	EECD_PRES = 1 << 8,
};

enum e1000_eerd {
	EERD_START = 1 << 0,
	EERD_DONE = 1 << 4,
	EERD_ADDRESS_SHIFT = 8,
	EERD_DATA_SHIFT = 16,
};

enum e1000_mdic {
	MDIC_REGISTER_SHIFT = 16,
	MDIC_PHY_SHIFT = 21,
	MDIC_WRITE = 1 << 26,
	MDIC_READ = 1 << 27,
	MDIC_READY = 1 << 28,
	MDIC_INTERRUPT = 1 << 29,
	MDIC_ERROR = 1 << 30,
};

enum e1000_cause {
	ICR_TXDW = 1 << 0,   /* descriptors were written back */
	ICR_TXQE = 1 << 1,   /* the transmit ring is empty */
	ICR_LSC = 1 << 2,    /* the link came or went */
	ICR_RXDMT0 = 1 << 4, /* few receive descriptors are left */
	ICR_RXO = 1 << 6,    /* a frame was missed */
	ICR_RXT0 = 1 << 7,   /* frames were received */
	ICR_MDAC = 1 << 9,   /* an access to the PHY is done */
	ICR_TXD_LOW = 1 << 15,
	ICR_SRPD = 1 << 16, /* a small frame was received */
	ICR_ALL = 0x1ffff,
};

enum e1000_rctl {
	RCTL_EN = 1 << 1,
	RCTL_SBP = 1 << 2, /* bad frames as well */
	RCTL_UPE = 1 << 3,
	RCTL_MPE = 1 << 4,
	RCTL_LPE = 1 << 5, /* more than 1522 bytes */
	RCTL_LBM = 3 << 6,
	RCTL_RDMTS_SHIFT = 8,
	RCTL_MO_SHIFT = 12,
	RCTL_BAM = 1 << 15,
	RCTL_BSIZE_SHIFT = 16,
	RCTL_VFE = 1 << 18,
	RCTL_CFIEN = 1 << 19,
	RCTL_CFI = 1 << 20,
	RCTL_DPF = 1 << 22,
	RCTL_PMCF = 1 << 23,
	RCTL_BSEX = 1 << 25,
	RCTL_SECRC = 1 << 26,
	RCTL_WRITABLE = 0x06dfb3fe,
};

enum e1000_tctl {
	TCTL_EN = 1 << 1,
	TCTL_PSP = 1 << 3,
	TCTL_WRITABLE = 0x03fffffa,
};

enum e1000_rxcsum {
	RXCSUM_PCSS = 0xff,
	RXCSUM_IPOFLD = 1 << 8,
	RXCSUM_TUOFLD = 1 << 9,
	RXCSUM_IPV6OFL = 1 << 10,
	RXCSUM_WRITABLE = 0x7ff,
};

enum e1000_limit {
	E1000_ADDRESSES = 16,
	E1000_RING_UNIT = 128, /* RDLEN and TDLEN are multiples of it */
	E1000_RING_MASK = 0xfff80,
	E1000_PACKET_BUFFER = 64, /* KiB, for receiving and sending */
	E1000_MAX_LENGTH = 1522,  /* of a frame with FCS, without RCTL.LPE */
	E1000_ITR_UNIT = 256,	  /* ns */
	E1000_DELAY_UNIT = 1024,  /* ns: of RDTR, RADV, TIDV, TADV */
	E1000_DELAY_MASK = 0xffff,
};
#define RDTR_FPD    (1u << 31)
#define TXDCTL_GRAN (1u << 24)

enum e1000_txdctl {
	TXDCTL_LWTHRESH_SHIFT = 25, /* in units of 8 descriptors */
};

/* ---- descriptors, little-endian ---- */

struct e1000_descriptor {
	uint64_t address;
	uint32_t lower;
	uint32_t upper;
};

enum {
	E1000_DESCRIPTOR = 16, /* bytes */
	E1000_STATUS_BYTE = 12,
};

/* Transmit: the lower word. */
enum e1000_tx_lower {
	TX_LENGTH = 0xffff,
	TX_DATA_LENGTH = 0xfffff, /* of an extended one; PAYLEN of a context */
	TX_CSO_SHIFT = 16,
	TX_TYPE_SHIFT = 20, /* of an extended one */
	TX_TYPE_MASK = 0xf,
	TX_TYPE_CONTEXT = 0,
	TX_TYPE_DATA = 1,
	TX_EOP = 1 << 24,
	TX_IFCS = 1 << 25,
	TX_IC = 1 << 26, /* legacy */
	TX_TSE = 1 << 26,
	TX_RS = 1 << 27,
	TX_RPS = 1 << 28,
	TX_DEXT = 1 << 29,
	TX_VLE = 1 << 30,
	/* of a context */
	TX_CONTEXT_TCP = 1 << 24,
	TX_CONTEXT_IP = 1 << 25, /* IPv4 */
};
#define TX_IDE (1u << 31)

/* Transmit: the upper word. */
enum e1000_tx_upper {
	TX_DD = 1 << 0,
	TX_CSS_SHIFT = 8,
	TX_IXSM = 1 << 8, /* extended: insert the checksum of IP */
	TX_TXSM = 1 << 9, /* and of TCP or UDP */
	TX_SPECIAL_SHIFT = 16,
	TX_HEADER_SHIFT = 8, /* of a context */
	TX_MSS_SHIFT = 16,
};

/* Receive: the lower word is the length and the checksum, the upper one status, errors, special. */
enum e1000_rx_upper {
	RX_DD = 1 << 0,
	RX_EOP = 1 << 1,
	RX_IXSM = 1 << 2, /* no checksum was looked at */
	RX_VP = 1 << 3,	  /* a VLAN tag was removed */
	RX_TCPCS = 1 << 5,
	RX_IPCS = 1 << 6,
	RX_PIF = 1 << 7, /* passed an inexact filter only */
	RX_CE = 1 << 8,
	RX_TCPE = 1 << 13,
	RX_IPE = 1 << 14,
	RX_RXE = 1 << 15,
	RX_SPECIAL_SHIFT = 16,
};
enum {
	RX_CHECKSUM_SHIFT = 16
};

/* ---- the EEPROM ---- */

enum e1000_eeprom_word {
	EEPROM_ADDRESS = 0x00, /* three words */
	EEPROM_PBA = 0x08,     /* two words: the number of the board */
	EEPROM_CONTROL1 = 0x0a,
	EEPROM_SUBSYSTEM = 0x0b,
	EEPROM_SUBSYSTEM_VENDOR = 0x0c,
	EEPROM_DEVICE = 0x0d,
	EEPROM_VENDOR = 0x0e,
	EEPROM_CHECKSUM = 0x3f,
	EEPROM_WORDS = 0x40,
	EEPROM_SUM = 0xbaba, /* of all words */
	/* Control 1: the signature, and that the IDs are valid. */
	EEPROM_CONTROL1_VALUE = 0x4003,
};

/* ---- the PHY: IEEE 802.3, 22.2.4, and the part's own registers ---- */

enum e1000_phy_register {
	PHY_CONTROL = 0,
	PHY_STATUS = 1,
	PHY_ID1 = 2,
	PHY_ID2 = 3,
	PHY_ADVERTISED = 4,
	PHY_PARTNER = 5,
	PHY_EXPANSION = 6,
	PHY_NEXT_PAGE = 7,
	PHY_GIGABIT_CONTROL = 9,
	PHY_GIGABIT_STATUS = 10,
	PHY_EXTENDED_STATUS = 15,
	PHY_SPECIFIC_CONTROL = 16,
	PHY_SPECIFIC_STATUS = 17,
	PHY_INTERRUPT_ENABLE = 18,
	PHY_INTERRUPT_STATUS = 19,
	PHY_EXTENDED_CONTROL = 20,
	PHY_ERRORS = 21,
	PHY_LED = 24,
	PHY_PAGE = 29,
	PHY_PAGE_DATA = 30,
	PHY_REGISTERS = 32,
	PHY_ADDRESS = 1,
};

enum e1000_phy_bits {
	PHY_CONTROL_RESET = 1 << 15,
	PHY_CONTROL_LOOPBACK = 1 << 14,
	PHY_CONTROL_POWER_DOWN = 1 << 11,
	PHY_CONTROL_RESTART = 1 << 9,
	PHY_CONTROL_DEFAULT = 0x1140,
	PHY_STATUS_DEFAULT = 0x7949,
	PHY_STATUS_NEGOTIATED = 1 << 5,
	PHY_STATUS_LINK = 1 << 2,
	PHY_ID1_VALUE = 0x0141,
	PHY_ID2_VALUE = 0x0c20,
	PHY_ADVERTISED_DEFAULT = 0x0de1,
	PHY_PARTNER_LINK = 0x45e1, /* acknowledged; pause, 10 and 100 Mb/s */
	PHY_EXPANSION_LINK = 0x0001,
	PHY_GIGABIT_CONTROL_DEFAULT = 0x0e00,
	PHY_GIGABIT_LINK = 0x3c00,
	PHY_EXTENDED_STATUS_VALUE = 0x3000,
	PHY_SPECIFIC_CONTROL_DEFAULT = 0x0068,
	PHY_SPECIFIC_LINK = 0xac08, /* 1000 Mb/s, full duplex, resolved, link, pause */
	PHY_EXTENDED_CONTROL_DEFAULT = 0x0c60,
};

#endif
