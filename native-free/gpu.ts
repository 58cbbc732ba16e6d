/**
 * The GPUs of a host, without any vendor's library.
 *
 * Why it exists: jobs ask for GPUs, and agents hand out their ids (CUDA_VISIBLE_DEVICES and its like) from a list.
 * Who calls it: inventory.ts. Sources: /proc/driver/nvidia, /sys/class/kfd, /sys/class/drm.
 * It must never count what can't compute: a server's ASPEED or Matrox console, a laptop's integrated Intel graphics, an
 * NVIDIA card without NVIDIA's driver. Where it is wrong, a declared count overrides it; which of them a launcher may use is
 * gpu-grant.ts' question.
 */
import { listDirectory, listNumbered, readInteger, readLink, readText } from './sysfs.ts';

export type GpuVendor = 'nvidia' | 'amd' | 'intel';

export type Gpu = {
  /** 0, 1, … in the order in which the vendor's runtime counts by default under PCI order. */
  readonly index: number;
  /** What goes into the vendor's list of visible devices: the index. */
  readonly id: string;
  readonly vendor: GpuVendor;
  /** As the driver names it; null if it does not. */
  readonly model: string | null;
  /** PCI address, such as `0000:3b:00.0`; null if unknown. */
  readonly pciAddress: string | null;
  /** NUMA node that it hangs on; null if unknown. */
  readonly numaNode: number | null;
};

type Found = Omit<Gpu, 'index' | 'id'>;

const vendorNumbers = { amd: 0x1002, intel: 0x8086 } as const;

/** The GPUs of this host, whoever may use them. */
export function readGpus(root: string): Gpu[] {
  const nvidia = readNvidia(root);
  const found = nvidia.length > 0 ? nvidia : (readAmd(root) ?? readDrm(root, 'amd'));
  return (found.length > 0 ? found : readDrm(root, 'intel')).map((gpu, index): Gpu => ({
    ...gpu,
    index,
    id: `${index}`,
  }));
}

/** NVIDIA's driver makes one directory a GPU, named by PCI address; PCI order is the order of CUDA_DEVICE_ORDER=PCI_BUS_ID. */
function readNvidia(root: string): Found[] {
  return listDirectory(root, 'proc/driver/nvidia/gpus').map((pciAddress) => {
    const text = readText(root, `proc/driver/nvidia/gpus/${pciAddress}/information`) ?? '';
    const model = /^Model:\s*(.+?)\s*$/m.exec(text)?.[1] ?? null;
    return {
      vendor: 'nvidia',
      model,
      pciAddress,
      numaNode: numaNodeOf(root, `sys/bus/pci/devices/${pciAddress}`),
    };
  });
}

/** AMD's compute driver lists CPUs and GPUs as nodes; GPUs have SIMDs. Null if the driver is not there. */
function readAmd(root: string): Found[] | null {
  const directory = 'sys/class/kfd/kfd/topology/nodes';
  const nodes = listNumbered(root, directory, '');
  if (nodes.length === 0) return null;
  const found: Found[] = [];
  for (const node of nodes) {
    const properties = readProperties(readText(root, `${directory}/${node}/properties`) ?? '');
    if ((properties.get('simd_count') ?? 0) === 0) continue;
    const location = properties.get('location_id') ?? 0;
    const pciAddress = formatPciAddress(properties.get('domain') ?? 0, location);
    const model = readText(root, `${directory}/${node}/name`)?.trim();
    const numaNode = numaNodeOf(root, `sys/bus/pci/devices/${pciAddress}`);
    found.push({
      vendor: 'amd',
      model: model === undefined || model === '' ? null : model,
      pciAddress,
      numaNode,
    });
  }
  return found;
}

function readProperties(text: string): Map<string, number> {
  const properties = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, value] = line.trim().split(/\s+/);
    if (name !== undefined && value !== undefined) properties.set(name, Number(value));
  }
  return properties;
}

/** kfd packs bus, device and function as PCI does: bus << 8 | device << 3 | function. */
function formatPciAddress(domain: number, location: number): string {
  const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');
  return `${hex(domain, 4)}:${hex(location >> 8, 2)}:${hex((location >> 3) & 31, 2)}.${location & 7}`;
}

/** Cards of a vendor known to the display subsystem, by PCI address. */
function readDrm(root: string, vendor: 'amd' | 'intel'): Found[] {
  const found: Found[] = [];
  for (const card of listNumbered(root, 'sys/class/drm', 'card')) {
    const device = `sys/class/drm/card${card}/device`;
    if (readInteger(root, `${device}/vendor`) !== vendorNumbers[vendor]) continue;
    const slot = /^PCI_SLOT_NAME=(.+)$/m.exec(readText(root, `${device}/uevent`) ?? '')?.[1];
    const pciAddress = slot ?? readLink(root, device)?.split('/').at(-1) ?? null;
    // Integrated Intel graphics have sat at this address since they exist; cards are behind a bridge.
    if (vendor === 'intel' && pciAddress === '0000:00:02.0') continue;
    found.push({ vendor, model: null, pciAddress, numaNode: numaNodeOf(root, device) });
  }
  return found.toSorted((a, b) => ((a.pciAddress ?? '') < (b.pciAddress ?? '') ? -1 : 1));
}

/** -1 is the kernel's "unknown". */
function numaNodeOf(root: string, device: string): number | null {
  const node = readInteger(root, `${device}/numa_node`);
  return node === null || node < 0 ? null : node;
}
