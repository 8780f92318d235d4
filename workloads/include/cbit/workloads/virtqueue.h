/**
 * @file
 * The split virtqueue (VIRTIO 1.1, section 2.6) as guest and devices meet in it: one page each.
 */
#ifndef CBIT_WORKLOADS_VIRTQUEUE_H
#define CBIT_WORKLOADS_VIRTQUEUE_H

/* What a guest's devices are, and their queues. */
typedef enum cbit_guest_device {
    CBIT_GUEST_DEVICE_REAL,       /* a real device behind the IOMMU: data only */
    CBIT_GUEST_DEVICE_VIRTIO_BLK, /* emulated: header, data, status */
    CBIT_GUEST_DEVICE_VIRTIO_NET, /* emulated: header, data; a queue each way */
    CBIT_GUEST_DEVICES,
} cbit_guest_device_t;

enum {
    CBIT_VIRTQ_ENTRIES = 64,
    /* descriptors: u64 address, u32 length, u16 flags, u16 next */
    CBIT_VIRTQ_DESCRIPTOR_BYTES = 16,
    CBIT_VIRTQ_NEXT = 1,  /* flag: `next` is the chain's next one */
    CBIT_VIRTQ_WRITE = 2, /* flag: the device writes there */
    /* available: u16 flags, u16 index, u16 heads of chains */
    CBIT_VIRTQ_NO_INTERRUPT = 1, /* flag: the driver polls */
    CBIT_VIRTQ_AVAIL = CBIT_VIRTQ_ENTRIES * CBIT_VIRTQ_DESCRIPTOR_BYTES,
    /* used: u16 flags, u16 index, {u32 head, u32 length}; aligned as the legacy layout has it */
    CBIT_VIRTQ_USED = 2048,
    CBIT_VIRTQ_USED_BYTES = 8,
    CBIT_VIRTIO_BLK_HEADER_BYTES = 16, /* u32 type, u32 reserved, u64 sector */
    CBIT_VIRTIO_NET_HEADER_BYTES = 12,
    /* A vCPU's queues: one of each device, and a second one (receive) of the network's. */
    CBIT_GUEST_QUEUES = CBIT_GUEST_DEVICES + 1,
};

#endif
